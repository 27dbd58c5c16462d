/* Preloaded into a program: every TCP socket gets the congestion control that the environment names.

   A network namespace other than the first can only be given a default that the whole machine
   allows to everybody; a socket can be given any by whoever may administer its namespace. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int socket(int family, int type, int protocol)
{
    static int (*made_by_libc)(int, int, int);
    if (!made_by_libc)
        *(void **)&made_by_libc = dlsym(RTLD_NEXT, "socket");
    int made = made_by_libc(family, type, protocol);
    const char *name = getenv("SMBQUIC_TCP_CONGESTION");
    int stream = (type & 0xf) == SOCK_STREAM && (family == AF_INET || family == AF_INET6);
    if (made < 0 || !name || !stream || (protocol && protocol != IPPROTO_TCP))
        return made;
    if (setsockopt(made, IPPROTO_TCP, TCP_CONGESTION, name, strlen(name))) {
        perror("the congestion control of TCP cannot be set");
        abort();
    }
    return made;
}
