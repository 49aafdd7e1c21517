/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What runs in the pods of tests/scripts/first_moment.py, from their first instruction on; linked
 * statically, since it is all that their image has.
 *
 *   first_moment                 does nothing: the sandbox's process
 *   first_moment talk ADDRESS    every millisecond a connect to port 80 and a datagram to port 9
 *   first_moment listen          prints "datagram" and "connection" for each that comes in
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in address_of(const char *text, int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};

	inet_pton(AF_INET, text, &address.sin_addr);
	return address;
}

static void talk(const char *to)
{
	struct sockaddr_in http = address_of(to, 80), discard = address_of(to, 9);

	for (;;) {
		int tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		int udp = socket(AF_INET, SOCK_DGRAM, 0);

		connect(tcp, (struct sockaddr *)&http, sizeof(http));
		sendto(udp, "x", 1, 0, (struct sockaddr *)&discard, sizeof(discard));
		close(tcp);
		close(udp);
		usleep(1000);
	}
}

static void listen_on(void)
{
	struct sockaddr_in http = address_of("0.0.0.0", 80), discard = address_of("0.0.0.0", 9);
	int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct pollfd fds[] = {{tcp, POLLIN, 0}, {udp, POLLIN, 0}};
	char buffer[16];

	if (bind(tcp, (struct sockaddr *)&http, sizeof(http)) != 0 || listen(tcp, 16) != 0 ||
		bind(udp, (struct sockaddr *)&discard, sizeof(discard)) != 0)
		printf("cannot listen\n");
	while (poll(fds, 2, -1) > 0) {
		if (fds[0].revents) {
			close(accept(tcp, NULL, NULL));
			printf("connection\n");
		}
		if (fds[1].revents && recv(udp, buffer, sizeof(buffer), 0) >= 0)
			printf("datagram\n");
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "talk") == 0)
		talk(argv[2]);
	else if (argc == 2 && strcmp(argv[1], "listen") == 0)
		listen_on();
	for (;;)
		pause();
}
