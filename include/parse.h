/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * parse: the text of one file becomes values.
 *
 * A policy file (YAML, JSON or libconfig), an inventory file (YAML or JSON) or a record of the
 * container runtime (JSON) becomes a Source; the text of netpol.conf becomes Settings. The module
 * is pure: it opens no file, keeps no state between two calls and has no globals. Several threads
 * may parse at once, each with its own scratch arena.
 *
 * A Source is one version of one file: its policies and cidr_sets, or its pods and namespaces,
 * defaulted and validated as the Kubernetes API server does it, and the diagnostics about them. All
 * of that lives in the Source's own arena, which source_free() releases. The module source puts
 * Sources in force and frees them; every other module only borrows what is in them.
 *
 *     text -- source_parse() --> Source, diags.n_errors == 0: it may be put in force
 *          |                \--> Source, diags.n_errors > 0: only its diagnostics are of use
 *          \---------------> -ENOMEM: no Source; what was in force before stays
 *
 * Memory: the trees that policies are read from are many times as large as the text. They live in
 * the scratch arena, which source_parse() clears before it returns; only the result is in the
 * Source's arena. The size of a file is somebody else's choice, so parsing is the one place where a
 * failed allocation does not end the process (base/memory.h): source_parse() runs inside an
 * arena_try of the scratch arena. Until it has succeeded, the Source's arena is a child of the
 * scratch arena, so a failure frees both.
 *
 * Diagnostics: an error is content that the API server would refuse, a syntax error, or an exceeded
 * limit. One error makes the whole file unusable: a policy that was read by half would enforce
 * something that nobody wrote. Warnings and notes (a policy without a spec, an object of another
 * kind) do not. Each has file, line and column where the format has them (libconfig has no
 * columns), and they are sorted by line and column.
 */
#include "model.h"
#include "parse/api_answer.h"
#include "parse/kubeconfig.h"

enum {
	PARSE_E_INVALID = 1, /* the content is invalid; the diagnostics say where and why */
};

/* The code of the diagnostic for a file that is no inventory at all, such as a policy. */
#define PARSE_CODE_NO_INVENTORY "no-inventory"
/*
 * The codes of warnings about the form of a file whose content is enforced as it is written; the
 * first one is about a file that says nothing: see Source.
 */
#define PARSE_CODE_EMPTY_LIST "empty-list"
#define PARSE_CODE_NO_SPEC "no-spec"
#define PARSE_CODE_METADATA "metadata"
#define PARSE_CODE_LEGACY_CIDR "legacy-cidr"
/* The code of the error for a file of policies that is a list of other objects, e.g. pods. */
#define PARSE_CODE_OTHER_LIST "other-list"

/* Of the error about a file in UTF-16 or UTF-32. A UTF-8 byte order mark is skipped. */
#define PARSE_ENCODING_HINT "save it as UTF-8, or convert it with iconv"

/*
 * Limits on one file. Each bounds the memory or the stack that an input can make netpold use;
 * exceeding one is an error with a diagnostic. The first three are checked by the module source,
 * before it reads the file.
 */
#define PARSE_POLICY_BYTES_MAX ((size_t)16 << 20)
#define PARSE_RECORD_BYTES_MAX ((size_t)1 << 20)
#define PARSE_INVENTORY_BYTES_MAX ((size_t)2 << 30)
#define PARSE_DEPTH_MAX 64		       /* nested lists and maps: the readers recurse */
#define PARSE_NODES_MAX ((size_t)4 << 20)      /* nodes of all trees of the file */
#define PARSE_ANCHORS_MAX 1000		       /* YAML anchors in one document */
#define PARSE_ALIAS_NODES_MAX ((size_t)100000) /* nodes that the aliases of a file expand to */

/* SOURCE_ATTACHMENTS: each file is a record of libcni, JSON whatever its name is. */
typedef enum SourceKind { SOURCE_POLICIES, SOURCE_INVENTORY, SOURCE_ATTACHMENTS } SourceKind;

typedef struct Source {
	Arena *arena;	  /* owns this struct and everything below */
	const char *file; /* the path, as diagnostics name it */
	Diags diags;
	/* SOURCE_POLICIES */
	VEC(const Policy *) policies; /* unique by namespace and name if there is no error */
	VEC(const CidrSet *) sets;
	bool uses_cidr_sets; /* a peer of a policy names a cidr_set */
	/* SOURCE_INVENTORY, in the order of the file */
	VEC(const Pod *) pods;
	VEC(const Namespace *) namespaces;
	/* SOURCE_ATTACHMENTS: at most one; none if the record is not a pod's */
	VEC(const Attachment *) attachments;
	const Attachment *stale; /* in place of `attachments`: what it is about is gone */
	/*
	 * The file is well-formed, has neither policies nor cidr_sets (neither pods nor
	 * namespaces), and a list in it is empty. kubectl prints an empty list when it fails, so
	 * this may not mean that everything was taken away. False if there are only comments, or
	 * only objects of other kinds: those were written on purpose.
	 */
	bool says_nothing;
	/* pods that kubelet has from a file or URL of its own node: all that it knows of just after
	   it was started, until it has asked the API server */
	size_t n_static_pods;
	Origin empty_list; /* the first list without items; line 0: none */
	Origin list; /* SOURCE_POLICIES: the first list, with items or without; line 0: none */
	/*
	 * Written by the module source, after parsing. The version of a file that was deleted also
	 * loses from `policies` and `sets`, above, what another file defines.
	 */
	uint64_t withdrawn_at; /* that of its pods and namespaces; 0: the file is there */
	size_t n_superseded;   /* pods in the arena that an in-place update has replaced */
	StrMap *resolved;      /* cidr_set name -> const CidrSet *, at acceptance; or NULL */
} Source;

/*
 * Parses the content of one file into a new Source, which the caller frees with source_free().
 *
 * file: its path. Of policies and inventories the suffix selects the format: .conf is libconfig
 * (policies only), .json is JSON, anything else is read as YAML. text: n bytes, then a NUL that n
 * does not count; borrowed, and not needed after the call. scratch: temporary memory, cleared by
 * the call. It keeps its capacity, so a caller with many files passes the same arena each time;
 * NULL: a temporary one is made.
 *
 * Returns 0, also for invalid content: see diags.n_errors. -ENOMEM: there is no memory for this
 * file, and *ret_source is untouched.
 */
int source_parse(SourceKind kind, const char *file, const char *text, size_t n, Arena *scratch,
	Source **ret_source);
/* A Source with one error and no content, for a file that could not be read: `why`. */
Source *source_make_failed(const char *file, const char *why);
/* Takes NULL; returns NULL. */
Source *source_free(Source *source);
/* Policies, cidr_sets, pods, namespaces and attachments, together. */
static inline size_t source_count_objects(const Source *source)
{
	return (size_t)source->policies.n + source->sets.n + source->pods.n + source->namespaces.n +
	       source->attachments.n;
}
/* Whether a directory's file of this name is read: not hidden, and a suffix of this kind. Of
 * records all but those of loopback interfaces. */
bool source_name_is_read(SourceKind kind, const char *name);

/*
 * A record with what netpol reads of it, and nothing else: parsed, it gives the same attachment,
 * but for the time. The other, parsed, gives an error that says why.
 */
const char *attachment_record_text(Arena *arena, const Attachment *attachment);
const char *attachment_record_error(Arena *arena, const char *why);

/* ---- netpol.conf ---- */
typedef enum Enforce { ENFORCE_LOCAL, ENFORCE_ALL } Enforce;
typedef enum UnknownPods { UNKNOWN_ISOLATE, UNKNOWN_ALLOW } UnknownPods;
typedef enum Deny { DENY_REJECT, DENY_DROP } Deny;
typedef enum BridgeMode {
	BRIDGE_AUTO,
	BRIDGE_BR_NETFILTER,
	BRIDGE_CONNTRACK,
	BRIDGE_OFF
} BridgeMode;

#define SETTINGS_DIRECTORIES_MAX 16 /* of policies; and as many of the inventory */
#define SETTINGS_POLICIES_DEFAULT "/etc/netpol/conf.d"
#define SETTINGS_INVENTORY_DEFAULT "/run/netpol/inventory"
typedef enum PodTunnels { POD_TUNNELS_DROP, POD_TUNNELS_ALLOW } PodTunnels;

typedef struct Settings {
	const char *node, *state, *runtime, *table;
	Texts policies, inventory; /* directories: 1 to SETTINGS_DIRECTORIES_MAX, each once */
	/* the container runtime's records; "": none are read. settings_read() puts a path in the
	   place of "auto" */
	const char *attachments;
	bool is_attachments_auto;  /* nobody set a path: the directory need not exist */
	bool is_host_name;	   /* node is the host's name: nobody set another */
	int enforce, deny, bridge; /* Enforce, Deny, BridgeMode */
	int unknown_pods;	   /* UnknownPods */
	int senders;		   /* an index of SENDERS_MODE_TEXT; as SendersMode in senders.h */
	Texts senders_free;	   /* patterns of "namespace/pod": may send from any address */
	int pod_tunnels;	   /* PodTunnels */
	int settle_ms;		   /* how long to debounce file events; milliseconds */
	int withdraw_ms;    /* how long what a deleted file said stays in force; milliseconds */
	bool is_log_denied; /* refused packets are logged, to an NFLOG group */
	int log_group;
	/* what the policies of one namespace may ask for; 0: no limit */
	int namespace_elements, namespace_rules;
	const char *mirror_kubeconfig, *mirror_directory; /* of netpol-mirror */
} Settings;

#define ATTACHMENTS_AUTO "auto"
#define MIRROR_STATUS_FILE                                                                         \
	"status.json" /* in mirror_directory: what netpol-mirror says of itself */

extern const char *const BRIDGE_MODE_TEXT[];  /* by BridgeMode, NULL-terminated */
extern const char *const SENDERS_MODE_TEXT[]; /* NULL-terminated */

/* The defaults, with the host's name as the node's, which is copied into the arena. */
void settings_default(Arena *arena, const char *node, Settings *ret_settings);
/*
 * Parses the NUL-terminated text of netpol.conf. A valid key replaces its value in *settings, an
 * absent or invalid one leaves it. New values live in the arena; errors are appended to diags.
 * Returns 0, or PARSE_E_INVALID if the text has an error.
 */
int settings_parse(
	Arena *arena, const char *file, const char *text, Settings *settings, Diags *diags);
/*
 * Adds a directory to one of the lists. The path is borrowed. An error in diags, and false: it is
 * on the list already, or the list is full.
 */
bool settings_add_directory(
	Arena *arena, Texts *directories, const char *path, Origin origin, Diags *diags);
