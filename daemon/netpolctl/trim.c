/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netpolctl trim: of kubelet's list of pods what netpold reads, one pod a line. For its exporter: a
 * pod has values of environment variables, too, which may be secrets and are nobody's business
 * here.
 */
#include "netpolctl.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES (64 * 1024)

typedef struct Trimming {
	Buf text;
	size_t n; /* pods */
} Trimming;

static bool add_pod(void *context, ApiEvent event, const ApiObject *object)
{
	Trimming *trimming = context;

	(void)event; /* only lists are read */
	buf_add(&trimming->text, trimming->n++ ? ",\n" : "");
	api_object_add_line(&trimming->text, API_PODS, 0, object->text);
	return true;
}

/* NULL, or why the file is not a complete list of pods. */
static const char *read_list(Arena *arena, int fd, Trimming *trimming)
{
	/* neither events of a watch, nor why a request failed, are a list */
	static const ApiHandler handler = {.object = add_pod};
	ApiReader *reader = api_reader_new(arena, API_PODS, &handler, trimming);
	char piece[PIECE_BYTES];
	bool is_good = true;
	ApiList list;
	ssize_t n;

	api_reader_set_of_kubelet(reader);
	while (is_good && (n = read(fd, piece, sizeof(piece))) > 0)
		is_good = api_reader_feed(reader, piece, (size_t)n);
	if (is_good && n < 0)
		return strerror(errno);
	if (is_good)
		is_good = api_reader_end(reader);
	if (!is_good)
		return api_reader_error(reader) ? api_reader_error(reader) : "it is not a list";
	if (!api_reader_list(reader, &list))
		return "it is not a list with items";
	return *list.next ? "it is only one page of a list" : NULL;
}

int run_trim(Ctl *ctl)
{
	Trimming trimming = {.text = {.arena = ctl->arena}};
	int fd = open(ctl->arguments[0], O_RDONLY | O_CLOEXEC);
	const char *why = fd < 0 ? strerror(errno) : read_list(ctl->arena, fd, &trimming);

	if (fd >= 0)
		close(fd);
	if (why) {
		fprintf(stderr, "netpolctl: %s: %s\n", ctl->arguments[0], why);
		return CTL_NO;
	}
	printf("{\"apiVersion\":\"v1\",\"kind\":\"PodList\",\"items\":[\n%s\n]}\n",
		buf_text(&trimming.text));
	return CTL_OK;
}
