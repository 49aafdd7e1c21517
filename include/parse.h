#pragma once
/*
 * parse: the text of one file -> a Source: policies, or an inventory, defaulted and validated as
 * the API server would do it; and the text of netpol.conf -> Settings. Pure: bytes in, values out,
 * errors with file:line:column.
 */
#include "model.h"

enum {
	PARSE_E_INVALID = 1, /* the content is wrong: see the diagnostics */
};

/* The code of the diagnostic that a file of another kind gets where an inventory is expected. */
#define PARSE_CODE_NO_INVENTORY "no-inventory"

/* Limits on what one file may be; each is an error with words when passed. */
#define PARSE_POLICY_BYTES_MAX ((size_t)16 << 20)
#define PARSE_INVENTORY_BYTES_MAX ((size_t)2 << 30)
#define PARSE_DEPTH_MAX 64
#define PARSE_NODES_MAX ((size_t)4 << 20)
#define PARSE_ANCHORS_MAX 1000
#define PARSE_ALIAS_NODES_MAX ((size_t)100000)

typedef enum SourceKind { SOURCE_POLICIES, SOURCE_INVENTORY } SourceKind;

typedef struct Source {
	Arena *arena;	  /* owns this struct and all below */
	const char *file; /* the path as diagnostics name it */
	Diags diags;
	VEC(const Policy *) policies;
	VEC(const CidrSet *) sets;
	VEC(const Pod *) pods;
	VEC(const Namespace *) namespaces;
	size_t n_superseded; /* pods in the arena that other readings of the file have replaced */
	bool uses_cidr_sets; /* a policy has a peer that is a cidr_set */
	StrMap *resolved; /* cidr_set name -> const CidrSet *, as when this was accepted, or NULL */
} Source;

/*
 * Reads one file's content, by its suffix: .conf (libconfig), .yaml .yml .json (manifests, or
 * inventories). Gives a Source, which is good only if diags.n_errors is 0; or -ENOMEM, where there
 * is no memory for this one file: see base.h. The caller frees it with source_free. `scratch` is
 * for what is needed only meanwhile, and is cleared: whoever parses many files keeps it for all of
 * them. NULL: one of its own.
 */
int source_parse(SourceKind kind, const char *file, const char *text, size_t n, Arena *scratch,
	Source **ret_source);
/* A Source that holds nothing but the error: why the file cannot be read. */
Source *source_make_failed(const char *file, const char *why);
Source *source_free(Source *source);
/* Whether files of this name are read at all: not hidden, and a known suffix. */
bool source_name_is_read(SourceKind kind, const char *name);

/* ---- netpol.conf ---- */
typedef enum Enforce { ENFORCE_LOCAL, ENFORCE_ALL } Enforce;
typedef enum Deny { DENY_REJECT, DENY_DROP } Deny;
typedef enum BridgeMode {
	BRIDGE_AUTO,
	BRIDGE_BR_NETFILTER,
	BRIDGE_CONNTRACK,
	BRIDGE_OFF
} BridgeMode;

typedef struct Settings {
	const char *node, *policies, *inventory, *state, *runtime, *table;
	int enforce, deny, bridge; /* Enforce, Deny, BridgeMode */
	Ranges service_cidrs;
	int settle_ms;
} Settings;

extern const char *const BRIDGE_MODE_TEXT[]; /* by BridgeMode, NULL-terminated */

/* The defaults, with this node's name. Strings are the arena's. */
void settings_default(Arena *arena, const char *node, Settings *ret_settings);
/* Reads the text over *settings; errors go to diags. 0 or PARSE_E_INVALID. */
int settings_parse(
	Arena *arena, const char *file, const char *text, Settings *settings, Diags *diags);
