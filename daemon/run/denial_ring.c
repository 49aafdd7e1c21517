/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last refused flows, as a file. See denial_ring.h. */
#include "denial_ring.h"
#include "log.h"
#include "timer.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define PAUSE_USEC (1000 * 1000)
#define TIME_SHARE 10
#define NUMBER_FIELD "{\"number\":"

struct DenialRing {
	char *runtime;
	char *lines[DENIAL_RING_MAX]; /* entry `number` is at number modulo the size */
	uint64_t first, next;	      /* numbers: lines from first to next, next not included */
	uint64_t written_next;	      /* `next`, when the file was written last */
	Timer *timer;
	uint64_t written_usec, took_usec; /* the last writing */
	int error;			  /* of it: logged when it changes */
};

static char **slot(DenialRing *ring, uint64_t number)
{
	return &ring->lines[number % DENIAL_RING_MAX];
}

uint64_t denial_ring_next(const DenialRing *ring)
{
	return ring->next;
}

const char *denial_ring_line(const DenialRing *ring, uint64_t number)
{
	bool is_there = ring->first <= number && number < ring->next;

	return is_there ? ring->lines[number % DENIAL_RING_MAX] : NULL;
}

/* ---- Writing ---- */
static void write_file(void *context)
{
	DenialRing *ring = context;
	ARENA_CLEANUP Arena *arena = arena_new();
	const char *path = arena_printf(arena, "%s/" RUN_DENIED_FILE, ring->runtime);
	Buf buf = {.arena = arena};
	uint64_t start = clock_usec();
	int r;

	for (uint64_t i = ring->first; i < ring->next; i++)
		buf_printf(&buf, "%s\n", *slot(ring, i));
	r = source_file_replace(AT_FDCWD, path, buf_text(&buf), buf.n, NULL);
	if (r < 0 && r != ring->error)
		log_line(LOG_WARNING, "denied", "cannot write %s: %s", path, strerror(-r));
	ring->error = r;
	if (r == 0)
		ring->written_next = ring->next;
	ring->written_usec = clock_usec();
	ring->took_usec = ring->written_usec - start;
}

static void keep(DenialRing *ring, const char *line)
{
	char **at = slot(ring, ring->next);

	free(*at);
	*at = memory_copy_text(line);
	ring->next++;
	if (ring->next - ring->first > DENIAL_RING_MAX)
		ring->first = ring->next - DENIAL_RING_MAX;
}

void denial_ring_add(DenialRing *ring, const char *line)
{
	uint64_t pause = TIME_SHARE * ring->took_usec;

	keep(ring, line);
	if (pause < PAUSE_USEC)
		pause = PAUSE_USEC;
	timer_start_at(ring->timer, ring->written_usec ? ring->written_usec + pause : 0);
}

/* ---- Reading ---- */
/* The number that a line begins with; 0: it is no line of ours. */
static uint64_t number_of(const char *line)
{
	if (strncmp(line, NUMBER_FIELD, strlen(NUMBER_FIELD)) != 0)
		return 0;
	return strtoull(line + strlen(NUMBER_FIELD), NULL, 10);
}

/* Lines of ours whose numbers follow each other; what else there is begins the ring anew. */
static void read_file(DenialRing *ring)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	FILE *file = fopen(arena_printf(arena, "%s/" RUN_DENIED_FILE, ring->runtime), "re");
	char line[DENIAL_LINE_MAX];

	while (file && fgets(line, sizeof(line), file)) {
		size_t n = strcspn(line, "\n");
		uint64_t number = number_of(line);

		if (line[n] != '\n' || n < 2 || line[n - 1] != '}' || number == 0 ||
			number > UINT64_MAX / 2)
			break;
		line[n] = '\0';
		if (number != ring->next)
			ring->first = ring->next = number;
		keep(ring, line);
	}
	if (file)
		fclose(file);
}

/* ---- Lifetime ---- */
DenialRing *denial_ring_new(sd_event *event, const char *runtime)
{
	DenialRing *ring = MEMORY_NEW(DenialRing);

	ring->runtime = memory_copy_text(runtime);
	ring->first = ring->next = 1;
	ring->timer = timer_new(event, PAUSE_USEC / 10, SD_EVENT_PRIORITY_NORMAL, write_file, ring);
	read_file(ring);
	ring->written_next = ring->next;
	return ring;
}

DenialRing *denial_ring_free(DenialRing *ring)
{
	if (!ring)
		return NULL;
	if (ring->written_next != ring->next) /* at the end no timer is armed any more */
		write_file(ring);
	timer_free(ring->timer);
	for (size_t i = 0; i < DENIAL_RING_MAX; i++)
		free(ring->lines[i]);
	free(ring->runtime);
	free(ring);
	return NULL;
}
