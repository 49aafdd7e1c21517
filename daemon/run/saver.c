/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The saver's thread and its queue. */
#include "saver.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct Saver {
	pthread_t thread;
	pthread_mutex_t lock; /* of the fields down to `words` */
	pthread_cond_t wake;
	StateText *queue;  /* to be written, oldest first */
	StateText *failed; /* could not be written; all older than the queue */
	char *state;
	bool is_writing; /* a round is under way, without the lock */
	bool is_asked;	 /* there is work: a new text, or a retry */
	bool is_ending;
	char words[256]; /* why the last round could not write everything; or "" */
	int fd;		 /* an eventfd: written when a round has ended */
	sd_event_source *source;
	void (*on_round)(void *context);
	void *context;
};

static void free_list(StateText *list)
{
	while (list) {
		StateText *next = list->next;

		state_text_free(list);
		list = next;
	}
}

static StateText **end_of(StateText **list)
{
	while (*list)
		list = &(*list)->next;
	return list;
}

/* Of several texts of one name only the last is written. */
static void drop_outdated(StateText **list)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	StrMap *last = strmap_new(arena);

	for (StateText *t = *list; t; t = t->next)
		strmap_put(last, t->name, t);
	while (*list) {
		StateText *text = *list;

		if (strmap_get(last, text->name) == text) {
			list = &text->next;
			continue;
		}
		*list = text->next;
		state_text_free(text);
	}
}

/* ---- The thread ---- */
/* Writes the list, and removes from it what was written. */
static void write_list(StateText **list, const char *state, char *words, size_t capacity)
{
	*words = '\0';
	while (*list) {
		StateText *text = *list;
		int r;

		state_text_make(text);
		r = state_store(state, text);
		if (r < 0) {
			if (!*words)
				snprintf(words, capacity, "%s: %s", text->name, strerror(-r));
			list = &text->next;
			continue;
		}
		*list = text->next;
		state_text_free(text);
	}
}

/* Called with the lock held; releases it while it writes. */
static void write_round(Saver *s)
{
	StateText *list = s->failed;
	char *state = memory_copy_text(s->state);
	char words[sizeof(s->words)];

	*end_of(&list) = s->queue;
	s->queue = s->failed = NULL;
	s->is_asked = false;
	s->is_writing = true;
	pthread_mutex_unlock(&s->lock);
	drop_outdated(&list);
	write_list(&list, state, words, sizeof(words));
	free(state);
	pthread_mutex_lock(&s->lock);
	s->failed = list;
	s->is_writing = false;
	memcpy(s->words, words, sizeof(words));
	eventfd_write(s->fd, 1);
}

static void *work(void *context)
{
	Saver *s = context;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		while (!s->is_asked && !s->is_ending)
			pthread_cond_wait(&s->wake, &s->lock);
		if (s->queue || s->failed)
			write_round(s);
		s->is_asked = s->queue != NULL;
		if (s->is_ending && !s->queue)
			break;
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- The event loop's side ---- */
static int on_event(sd_event_source *source, int fd, uint32_t events, void *context)
{
	Saver *s = context;
	eventfd_t n;

	(void)source, (void)events;
	eventfd_read(fd, &n);
	s->on_round(s->context);
	return 0;
}

static int start(Saver *s, sd_event *event)
{
	int r;

	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->fd < 0)
		return -errno;
	if (event) {
		r = sd_event_add_io(event, &s->source, s->fd, EPOLLIN, on_event, s);
		if (r < 0)
			return r;
	}
	return -pthread_create(&s->thread, NULL, work, s);
}

int saver_new(sd_event *event, void (*on_round)(void *context), void *context, Saver **ret_saver)
{
	Saver *s = MEMORY_NEW(Saver);
	int r;

	*s = (Saver){.fd = -1, .on_round = on_round, .context = context};
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	r = start(s, event);
	if (r < 0) {
		sd_event_source_unref(s->source);
		if (s->fd >= 0)
			close(s->fd);
		free(s);
		return r;
	}
	*ret_saver = s;
	return 0;
}

Saver *saver_free(Saver *s)
{
	if (!s)
		return NULL;
	pthread_mutex_lock(&s->lock);
	s->is_ending = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	sd_event_source_unref(s->source);
	close(s->fd);
	free_list(s->queue);
	free_list(s->failed);
	free(s->state);
	free(s);
	return NULL;
}

void saver_add(Saver *s, const char *state, StateText *list)
{
	pthread_mutex_lock(&s->lock);
	if (!s->state || strcmp(s->state, state) != 0) {
		free(s->state);
		s->state = memory_copy_text(state);
	}
	*end_of(&s->queue) = list;
	s->is_asked = s->queue || s->failed;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

bool saver_is_done(Saver *s)
{
	bool is_done;

	pthread_mutex_lock(&s->lock);
	is_done = !s->queue && !s->failed && !s->is_writing;
	pthread_mutex_unlock(&s->lock);
	return is_done;
}

void saver_error(Saver *s, char *ret_words, size_t capacity)
{
	pthread_mutex_lock(&s->lock);
	snprintf(ret_words, capacity, "%s", s->words);
	pthread_mutex_unlock(&s->lock);
}
