/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * store: the objects of one kind, as the API server has them, each with the file that it belongs
 * to. Pods are in a file for each node, policies in one for each namespace, namespaces in one.
 *
 * A list replaces everything: between store_begin_list() and store_end_list() each object that the
 * list has is put, and at the end those that it did not have are removed. A list that breaks off
 * removes nothing.
 *
 * Events of a watch may come twice, and late: one that is older than what is known of the object is
 * ignored. For that an object that was deleted is remembered, without its text, until the server
 * says that all events up to its version were sent. A list is not compared with what is known:
 * after etcd was restored from a backup, versions begin again lower.
 */
#include "parse.h"

#define STORE_OBJECTS_MAX ((size_t)1000000)

typedef struct StoreFile StoreFile;

typedef struct StoreObject {
	const char *namespace, *name;	     /* in this struct's own memory */
	char *text;			     /* see ApiObject; NULL: it was deleted */
	uint64_t text_version;		     /* when the text changed last, as far as we know */
	uint64_t version;		     /* the latest that is known */
	uint32_t list;			     /* the number of the list that had it last */
	bool is_written;		     /* it is in its file, and netpold may know it */
	StoreFile *file;		     /* NULL: none: deleted, or a pod that is on no node */
	struct StoreObject *next, *previous; /* of its file */
} StoreObject;

/* What a file has to say. It is forgotten when it is empty, and its file is gone. */
struct StoreFile {
	char *name; /* "node-worker-1.json" */
	bool is_changed;
	StoreObject *first;
};

typedef struct Store Store;

Store *store_new(ApiKind kind);
Store *store_free(Store *store);	/* takes NULL; returns NULL */
size_t store_count(const Store *store); /* without those that are deleted */

void store_begin_list(Store *store);
void store_end_list(Store *store);
/*
 * API_LISTED and API_ADDED put the object, API_DELETED removes it. False: it is one more than
 * STORE_OBJECTS_MAX, and is left out.
 */
bool store_take(Store *store, ApiEvent event, const ApiObject *object);
/* No event up to this version will come any more. */
void store_forget_deleted(Store *store, uint64_t version);

/* Whether the object is there. */
bool store_has(const Store *store, const char *namespace, const char *name);
/* Marks the file as changed: it is there, or somebody may have changed it. */
void store_mark_file(Store *store, const char *name);
/* One file a call, in no particular order, NULL after the last; *cursor is 0 at first. */
StoreFile *store_next_file(const Store *store, size_t *cursor);
/* Forgets the file, which has no objects. Not during store_next_file(). */
void store_remove_file(Store *store, StoreFile *file);
