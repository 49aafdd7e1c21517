/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the files are written. See writer.h. */
#include "writer.h"
#include "log.h"
#include "timer.h"

#define SETTLE_USEC 1000	 /* the debounce: how long a burst is gathered */
#define WRITE_SHARE 2		 /* after a write, a pause of so many times what it took */
#define WRITE_RETRY_USEC 1000000 /* after an error */
#define CHECK_USEC 5000000	 /* how often a part of the files is compared with the disk */

struct Writer {
	const char *directory;
	Kind *const *kinds; /* by ApiKind */
	Store *stores[API_KIND_N];
	const WriterHandler *handler;
	void *context;
	Files *files;
	sd_event_source *timer;	   /* of the next write */
	uint64_t write_not_before; /* CLOCK_MONOTONIC, and so is check_at */
	uint64_t check_at;	   /* of the next files_check() */
	unsigned turn;		   /* of files_check() */
	WriterStatus status;
};

static bool is_all_listed(const Writer *w)
{
	bool has_any = false;

	for (int i = 0; i < API_KIND_N; i++) {
		if (!kind_is_listed(w->kinds[i]) && !kind_is_forbidden(w->kinds[i]))
			return false;
		has_any |= kind_is_listed(w->kinds[i]);
	}
	return has_any;
}

/* 0 or -errno. */
static int write_all(Writer *w, const bool is_listed[API_KIND_N], size_t *ret_n)
{
	int r = files_write(w->files, is_listed, ret_n);

	if (r < 0)
		return r;
	if (!w->status.is_ready) {
		w->status.is_ready = true;
		w->handler->complete(w->context);
	}
	return files_mark_complete(w->files, is_listed);
}

static int on_write(sd_event_source *source, uint64_t usec, void *context)
{
	Writer *w = context;
	bool is_listed[API_KIND_N];
	uint64_t begin = now_usec(), end;
	size_t n;
	int r;

	(void)source, (void)usec;
	for (int i = 0; i < API_KIND_N; i++)
		is_listed[i] = kind_is_listed(w->kinds[i]);
	r = write_all(w, is_listed, &n);
	end = now_usec();
	w->status.files_written += n;
	w->write_not_before = end + (end - begin) * WRITE_SHARE;
	if (r < 0 && r != w->status.error)
		log_line(LOG_ERR, "%s cannot be written: %s; it is tried again each second",
			w->directory, strerror(-r));
	w->status.error = r;
	if (r < 0)
		timer_advance(w->timer, end + WRITE_RETRY_USEC);
	w->handler->written(w->context);
	return 0;
}

void writer_start(Writer *w)
{
	uint64_t at = now_usec() + SETTLE_USEC;

	if (is_all_listed(w))
		timer_advance(w->timer, at > w->write_not_before ? at : w->write_not_before);
}

void writer_check(Writer *w)
{
	if (!w->status.is_ready || now_usec() < w->check_at)
		return;
	w->check_at = now_usec() + CHECK_USEC;
	files_check(w->files, w->turn++);
	writer_start(w);
}

WriterStatus writer_status(const Writer *w)
{
	return w->status;
}

int writer_new(sd_event *event, const char *directory, Kind *const kinds[API_KIND_N],
	const WriterHandler *handler, void *context, Writer **ret_writer)
{
	Writer *w = MEMORY_NEW(Writer);
	int r;

	*w = (Writer){
		.directory = directory, .kinds = kinds, .handler = handler, .context = context};
	for (int i = 0; i < API_KIND_N; i++)
		w->stores[i] = kind_store(kinds[i]);
	r = timer_add(event, on_write, w, &w->timer);
	if (r >= 0)
		r = files_open(directory, w->stores, &w->files);
	if (r < 0) {
		writer_free(w);
		return r;
	}
	files_load(w->files);
	*ret_writer = w;
	return 0;
}

Writer *writer_free(Writer *w)
{
	if (!w)
		return NULL;
	files_close(w->files);
	sd_event_source_disable_unref(w->timer);
	free(w);
	return NULL;
}
