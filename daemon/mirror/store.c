/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The objects of one kind, and their files: see mirror/store.h. */
#include "mirror.h"
#include <assert.h>

struct Store {
	ApiKind kind;
	Arena *arena; /* of the two tables; objects and files are malloc's */
	HashTable *objects, *files;
	StoreObject *deleted; /* a list by next and previous, in no order */
	size_t n_deleted;
	uint32_t list; /* the number of the latest list */
};

/* A name longer than this gets a digest, so that its file's name stays below NAME_MAX. */
#define FILE_STEM_MAX 200

Store *store_new(ApiKind kind)
{
	Store *store = MEMORY_NEW(Store);

	store->kind = kind;
	store->arena = arena_new();
	store->objects = hash_table_new(store->arena);
	store->files = hash_table_new(store->arena);
	return store;
}

size_t store_count(const Store *store)
{
	return hash_table_count(store->objects) - store->n_deleted;
}

/* ---- Files ---- */
static StoreFile *find_file(const Store *store, const char *name)
{
	uint32_t hash = hash_text(HASH_START, name);
	const StoreFile *file;
	size_t cursor = 0;

	while ((file = hash_table_find(store->files, hash, &cursor)))
		if (strcmp(file->name, name) == 0)
			break;
	return (StoreFile *)file;
}

static StoreFile *get_file(Store *store, const char *name)
{
	StoreFile *file = find_file(store, name);

	if (file)
		return file;
	file = MEMORY_NEW(StoreFile);
	file->name = memory_copy_text(name);
	hash_table_add(store->files, hash_text(HASH_START, name), file);
	return file;
}

/* "PREFIXstem.json" */
static StoreFile *get_file_of(Store *store, const char *prefix, const char *stem)
{
	char digest[DIGEST_NAME_LENGTH + 1] = "";
	StoreFile *file;
	char *name;

	if (strlen(stem) > FILE_STEM_MAX) {
		Digest d;

		digest_start(&d);
		digest_add_text(&d, stem);
		digest_end_name(&d, digest);
	}
	name = memory_printf(
		"%s%.*s%s%s.json", prefix, FILE_STEM_MAX, stem, *digest ? "-" : "", digest);
	file = get_file(store, name);
	free(name);
	return file;
}

/* NULL: a pod that is on no node has no address, and is not written. */
static StoreFile *file_of(Store *store, const ApiObject *object)
{
	if (store->kind == API_POLICIES)
		return get_file_of(store, "", object->namespace);
	if (store->kind == API_NAMESPACES)
		return get_file(store, "namespaces.json");
	return *object->node ? get_file_of(store, "node-", object->node) : NULL;
}

void store_mark_file(Store *store, const char *name)
{
	get_file(store, name)->is_changed = true;
}

StoreFile *store_next_file(const Store *store, size_t *cursor)
{
	return (StoreFile *)hash_table_next(store->files, cursor);
}

void store_remove_file(Store *store, StoreFile *file)
{
	assert(!file->first);
	hash_table_remove(store->files, hash_text(HASH_START, file->name), file);
	free(file->name);
	free(file);
}

/* ---- Objects ---- */
static uint32_t object_hash(const char *namespace, const char *name)
{
	return hash_text(hash_text(HASH_START, namespace), name);
}

static StoreObject *find_object(const Store *store, const char *namespace, const char *name)
{
	uint32_t hash = object_hash(namespace, name);
	const StoreObject *object;
	size_t cursor = 0;

	while ((object = hash_table_find(store->objects, hash, &cursor)))
		if (strcmp(object->name, name) == 0 && strcmp(object->namespace, namespace) == 0)
			break;
	return (StoreObject *)object;
}

static void unlink_object(StoreObject **first, StoreObject *object)
{
	if (object->next)
		object->next->previous = object->previous;
	if (object->previous)
		object->previous->next = object->next;
	else
		*first = object->next;
	object->next = object->previous = NULL;
}

static void link_object(StoreObject **first, StoreObject *object)
{
	object->next = *first;
	if (*first)
		(*first)->previous = object;
	*first = object;
}

static void set_file(StoreObject *object, StoreFile *file)
{
	if (object->file) {
		unlink_object(&object->file->first, object);
		object->file->is_changed = true;
	}
	object->file = file;
	if (file) {
		link_object(&file->first, object);
		file->is_changed = true;
	}
}

/* Out of the list of deleted objects, or out of its file: of no list. */
static void detach(Store *store, StoreObject *object)
{
	if (object->text) {
		set_file(object, NULL);
		return;
	}
	unlink_object(&store->deleted, object);
	store->n_deleted--;
}

/* A new object is like one that was deleted before everything. */
static StoreObject *add_object(Store *store, const char *namespace, const char *name)
{
	size_t n = strlen(namespace) + 1, m = strlen(name) + 1;
	StoreObject *object = memory_calloc(1, sizeof(*object) + n + m);
	char *names = (char *)(object + 1);

	object->namespace = memcpy(names, namespace, n);
	object->name = memcpy(names + n, name, m);
	hash_table_add(store->objects, object_hash(namespace, name), object);
	link_object(&store->deleted, object);
	store->n_deleted++;
	return object;
}

static void remove_object(Store *store, StoreObject *object)
{
	detach(store, object);
	hash_table_remove(store->objects, object_hash(object->namespace, object->name), object);
	free(object->text);
	free(object);
}

static void put(Store *store, StoreObject *object, const ApiObject *said)
{
	StoreFile *file = file_of(store, said);
	bool is_same = object->text && strcmp(object->text, said->text) == 0;

	if (!is_same) {
		char *text = memory_copy_text(said->text);

		if (!object->text)
			detach(store, object);
		free(object->text);
		object->text = text;
		object->text_version = said->version;
	}
	if (object->file != file)
		set_file(object, file);
	else if (file && !is_same)
		file->is_changed = true;
	object->version = said->version;
	object->list = store->list;
}

static void delete (Store *store, StoreObject *object, uint64_t version)
{
	if (object->text) {
		set_file(object, NULL);
		free(object->text);
		object->text = NULL;
		object->is_written = false;
		link_object(&store->deleted, object);
		store->n_deleted++;
	}
	object->version = version;
}

static bool is_late(const StoreObject *known, const ApiObject *said)
{
	return known->version && said->version && said->version < known->version;
}

bool store_take(Store *store, ApiEvent event, const ApiObject *said)
{
	StoreObject *object = find_object(store, said->namespace, said->name);

	if (!object && hash_table_count(store->objects) >= STORE_OBJECTS_MAX)
		return false;
	if (!object)
		object = add_object(store, said->namespace, said->name);
	else if (event != API_LISTED && is_late(object, said))
		return true;
	if (event == API_DELETED)
		delete (store, object, said->version);
	else
		put(store, object, said);
	return true;
}

bool store_has(const Store *store, const char *namespace, const char *name)
{
	const StoreObject *object = find_object(store, namespace, name);

	return object && object->text;
}

void store_forget_deleted(Store *store, uint64_t version)
{
	for (StoreObject *object = store->deleted, *next; object; object = next) {
		next = object->next;
		if (object->version <= version)
			remove_object(store, object);
	}
}

/* ---- Lists ---- */
void store_begin_list(Store *store)
{
	store->list++;
}

/* All objects, or those that the latest list did not have: a table must not change on a walk. */
static void remove_objects(Store *store, bool is_all)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	VEC(StoreObject *) gone = {};
	const void *item;
	size_t cursor = 0;

	while ((item = hash_table_next(store->objects, &cursor)))
		if (is_all || ((const StoreObject *)item)->list != store->list)
			VEC_PUSH(arena, &gone, (StoreObject *)item);
	for (size_t i = 0; i < gone.n; i++)
		remove_object(store, gone.at[i]);
}

void store_end_list(Store *store)
{
	remove_objects(store, false);
}

Store *store_free(Store *store)
{
	StoreFile *file;
	size_t cursor = 0;

	if (!store)
		return NULL;
	remove_objects(store, true);
	while ((file = store_next_file(store, &cursor))) {
		free(file->name);
		free(file);
	}
	arena_free(store->arena);
	free(store);
	return NULL;
}
