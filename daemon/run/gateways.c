/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/net/route and /proc/net/ipv6_route. See gateways.h. */
#include "gateways.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_MAX (64 * 1024)
#define NAME_SIZE 16	 /* IFNAMSIZ */
#define FLAG_GATEWAY 0x2 /* RTF_GATEWAY */

/* The beginning of the file, with a NUL; "" if it cannot be read. */
static char *read_beginning(Arena *arena, const char *path)
{
	char *text = arena_alloc(arena, READ_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got;

	if (fd < 0)
		return text;
	while (n < READ_MAX && (got = read(fd, text + n, READ_MAX - n)) > 0)
		n += (size_t)got;
	close(fd);
	return text;
}

static void add_name(Arena *arena, const char *name, unsigned flags, Texts *names)
{
	if (flags & FLAG_GATEWAY)
		VEC_PUSH(arena, names, arena_strdup(arena, name));
}

/* "eth0 00000000 0100A8C0 0003 ..." */
static void read_ipv4_line(Arena *arena, const char *line, Texts *names)
{
	char name[NAME_SIZE];
	unsigned flags;

	if (sscanf(line, "%15s %*x %*x %x", name, &flags) == 2)
		add_name(arena, name, flags, names);
}

/* "DESTINATION LENGTH SOURCE LENGTH GATEWAY METRIC COUNT USE FLAGS eth0" */
static void read_ipv6_line(Arena *arena, const char *line, Texts *names)
{
	char name[NAME_SIZE];
	unsigned flags;

	if (sscanf(line, "%*32s %*x %*32s %*x %*32s %*x %*x %*x %x %15s", &flags, name) == 2)
		add_name(arena, name, flags, names);
}

Texts gateways_read(Arena *arena)
{
	char *save, *ipv4 = read_beginning(arena, "/proc/net/route"),
		    *ipv6 = read_beginning(arena, "/proc/net/ipv6_route");
	Texts names = {};

	for (char *line = strtok_r(ipv4, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		read_ipv4_line(arena, line, &names);
	for (char *line = strtok_r(ipv6, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		read_ipv6_line(arena, line, &names);
	texts_sort_unique(&names);
	return names;
}

bool gateways_have(const Texts *gateways, const char *name)
{
	for (size_t i = 0; i < gateways->n; i++)
		if (strcmp(gateways->at[i], name) == 0)
			return true;
	return false;
}
