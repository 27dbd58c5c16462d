/* A link between two network namespaces: packets are read from a TUN device in the one and written to
 * a TUN device in the other, late and fewer, as the parameters say.
 *
 *     emulator CLIENT_NAMESPACE SERVER_NAMESPACE DEVICE
 *
 * Each direction ("up" is from the client to the server) is, in this order:
 *   path MTU      bigger packets are dropped, silently or with an ICMP answer
 *   queue         tail drop, counted in bytes of the packets that wait for the serialiser
 *   serialiser    a packet leaves length * 8 / rate after the packet before it: no burst
 *   blackout      while it lasts, everything that leaves the serialiser is lost
 *   loss          random, or Gilbert-Elliott (two states), from a seeded generator of its own
 *   delay line    constant, with jitter that never overtakes
 * Times are nanoseconds of CLOCK_MONOTONIC. The serialiser works with departure times and not with
 * wake-ups, so waking late makes a packet late, but neither changes the rate nor adds up.
 * Without IFF_VNET_HDR the kernel hands over single packets with checksums, none above the MTU.
 *
 * Standard input takes one command a line; each is answered by one line of JSON on standard output:
 *     [up|down] rate BITS_PER_SECOND        0: unlimited
 *     [up|down] queue BYTES
 *     [up|down] delay NANOSECONDS
 *     [up|down] jitter NANOSECONDS          uniform, added to the delay
 *     [up|down] loss GOOD BAD GOOD_TO_BAD BAD_TO_GOOD   probabilities; random loss is GOOD 0 0 1
 *     [up|down] mtu BYTES [icmp]            0: none
 *     [up|down] blackout 0|1
 *     seed N                                starts the generators anew
 *     port N tcp|quic|vpn|other             how UDP of this port is counted
 *     router IPV4 IPV6                      whom ICMP answers come from
 *     stats                                 the counters
 * The end of standard input, SIGTERM or SIGINT ends it, with the counters; SIGUSR1 prints them on
 * standard error.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { SECOND = 1000000000, MAX_PACKET = 65536, MAX_LINE = 512 };
/* Packets read in one go, before the others get their turn. */
enum { BURST = 16 };
/* Nanoseconds. It sleeps at least so long, for a wake-up costs more than a packet: at 1 Gbit/s that
 * halves its time, and makes no packet later than an ordinary network card would. */
enum { GRAIN = 50000 };
/* A packet that leaves so many nanoseconds after its time is counted as late. */
enum { LATE = 1000000 };

enum class { TCP, QUIC, VPN, OTHER, CLASSES };
static const char *const class_names[CLASSES] = {"tcp", "quic", "vpn", "other"};

enum event { OFFERED, DELIVERED, MTU, QUEUE, BLACKOUT, LOSS, WRITE, EVENTS };
static const char *const event_names[EVENTS] = {"offered", "delivered", "mtu",  "queue",
                                                "blackout", "loss",     "write"};

struct packet {
    struct packet *next;
    int64_t time; /* in the queue: arrival; in the delay line: release */
    uint32_t length;
    enum class class;
    uint8_t data[];
};

struct fifo {
    struct packet *head, *tail;
};

struct count {
    uint64_t packets, bytes;
};

struct direction {
    const char *name;
    int in, out;  /* TUN devices */
    int devices;  /* /proc/net/dev of the namespace that packets come from */
    /* parameters */
    uint64_t rate, queue_limit;
    int64_t delay, jitter;
    double loss_good, loss_bad, good_to_bad, bad_to_good;
    uint32_t mtu;
    bool icmp, blackout;
    /* state */
    struct fifo queue, line;
    uint64_t queued;    /* bytes that wait */
    int64_t free_at;    /* when the serialiser has sent what it has begun */
    uint64_t remainder; /* of the division by the rate, so that no nanosecond is lost */
    int64_t released;   /* the latest release time so far */
    bool bad;
    uint64_t loss_random, jitter_random;
    /* figures */
    struct count counts[CLASSES][EVENTS];
    uint64_t queue_peak, late, icmp_sent;
    int64_t latest;
};

static struct direction directions[2] = {{.name = "up"}, {.name = "down"}};
static const char *device;
static uint8_t port_class[65536];
static struct in_addr router4;
static struct in6_addr router6;
static const char *scheduling;
static int64_t started, window_start, window_cpu;
static double share_peak;
static volatile sig_atomic_t want_end, want_report;

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("{\"error\": \"");
    vprintf(format, arguments);
    printf("\"}\n");
    va_end(arguments);
    exit(1);
}

static int64_t clock_ns(clockid_t which)
{
    struct timespec time;
    clock_gettime(which, &time);
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Uniform in [0, 1). */
static double next_uniform(uint64_t *state)
{
    return (double)(next_random(state) >> 11) * 0x1p-53;
}

/* Loss and jitter have generators of their own, so that neither changes the other's sequence. */
static void seed(uint64_t value)
{
    for (int side = 0; side < 2; side++) {
        directions[side].loss_random = next_random(&value);
        directions[side].jitter_random = next_random(&value);
        directions[side].bad = false;
    }
}

static void push(struct fifo *fifo, struct packet *packet)
{
    packet->next = NULL;
    if (fifo->head)
        fifo->tail->next = packet;
    else
        fifo->head = packet;
    fifo->tail = packet;
}

static struct packet *pop(struct fifo *fifo)
{
    struct packet *packet = fifo->head;
    fifo->head = packet->next;
    return packet;
}

static void count(struct direction *direction, enum event event, const struct packet *packet)
{
    struct count *counter = &direction->counts[packet->class][event];
    counter->packets++;
    counter->bytes += packet->length;
}

static void leave(struct direction *direction, enum event how, struct packet *packet)
{
    count(direction, how, packet);
    free(packet);
}

/* A later fragment has no ports: UDP's counts as other. */
static enum class classify(const uint8_t *data, uint32_t length)
{
    uint32_t header, protocol;
    bool fragment = false;
    if (length >= 20 && data[0] >> 4 == 4) {
        header = (data[0] & 15) * 4;
        protocol = data[9];
        fragment = (data[6] & 0x1f) || data[7];
    } else if (length >= 40 && data[0] >> 4 == 6) {
        header = 40;
        protocol = data[6];
    } else {
        return OTHER;
    }
    if (protocol == IPPROTO_TCP)
        return TCP;
    if (protocol != IPPROTO_UDP || fragment || length < header + 4)
        return OTHER;
    enum class source = port_class[data[header] << 8 | data[header + 1]];
    enum class target = port_class[data[header + 2] << 8 | data[header + 3]];
    return target == OTHER ? source : target;
}

static uint32_t sum(const uint8_t *data, size_t length)
{
    uint32_t total = 0;
    for (size_t i = 0; i < length; i++)
        total += i & 1 ? data[i] : (uint32_t)data[i] << 8;
    return total;
}

static void put16(uint8_t *place, uint32_t value)
{
    place[0] = (uint8_t)(value >> 8);
    place[1] = (uint8_t)value;
}

static void put_checksum(uint8_t *place, uint32_t total)
{
    total = (total & 0xffff) + (total >> 16);
    total += total >> 16;
    put16(place, ~total);
}

/* Say to the sender that its packet did not fit (RFC 1191, RFC 4443), as a router in front of the
 * link would. IPv4 says so only where the packet may not be fragmented. */
static void answer_too_big(struct direction *direction, const uint8_t *data, uint32_t length)
{
    uint8_t answer[1280] = {0}, *icmp;
    uint32_t header, quoted;
    if (data[0] >> 4 == 4) {
        if (length < 20 || !(data[6] & 0x40))
            return;
        header = 20;
        quoted = length < 548 ? length : 548;
        answer[0] = 0x45;
        put16(answer + 2, header + 8 + quoted);
        answer[8] = 64;
        answer[9] = IPPROTO_ICMP;
        memcpy(answer + 12, &router4, 4);
        memcpy(answer + 16, data + 12, 4);
        put_checksum(answer + 10, sum(answer, 20));
        icmp = answer + header;
        icmp[0] = 3; /* destination unreachable */
        icmp[1] = 4; /* fragmentation needed */
    } else if (data[0] >> 4 == 6 && length >= 40) {
        header = 40;
        quoted = length < 1280 - 48 ? length : 1280 - 48;
        answer[0] = 0x60;
        put16(answer + 4, 8 + quoted);
        answer[6] = IPPROTO_ICMPV6;
        answer[7] = 64;
        memcpy(answer + 8, &router6, 16);
        memcpy(answer + 24, data + 8, 16);
        icmp = answer + header;
        icmp[0] = 2; /* packet too big */
    } else {
        return;
    }
    put16(icmp + 6, direction->mtu);
    memcpy(icmp + 8, data, quoted);
    uint32_t total = sum(icmp, 8 + quoted);
    if (header == 40) /* the pseudo-header: addresses, length, next header */
        total += sum(answer + 8, 32) + 8 + quoted + IPPROTO_ICMPV6;
    put_checksum(icmp + 2, total);
    if (write(direction->in, answer, header + 8 + quoted) > 0)
        direction->icmp_sent++;
}

/* Hand a packet to the serialiser, which is free at `start`, and then to the delay line. */
static void transmit(struct direction *direction, struct packet *packet, int64_t start)
{
    direction->free_at = start;
    if (direction->rate) {
        uint64_t work = packet->length * 8ULL * SECOND + direction->remainder;
        direction->free_at += (int64_t)(work / direction->rate);
        direction->remainder = work % direction->rate;
    }
    if (direction->blackout) {
        leave(direction, BLACKOUT, packet);
        return;
    }
    double change = next_uniform(&direction->loss_random);
    if (change < (direction->bad ? direction->bad_to_good : direction->good_to_bad))
        direction->bad = !direction->bad;
    double chance = direction->bad ? direction->loss_bad : direction->loss_good;
    if (next_uniform(&direction->loss_random) < chance) {
        leave(direction, LOSS, packet);
        return;
    }
    packet->time = direction->free_at + direction->delay;
    if (direction->jitter)
        packet->time += (int64_t)(next_uniform(&direction->jitter_random) * (double)direction->jitter);
    if (packet->time < direction->released)
        packet->time = direction->released;
    direction->released = packet->time;
    push(&direction->line, packet);
}

/* Bring the queue to the time `now`. */
static void serve_queue(struct direction *direction, int64_t now)
{
    while (direction->queue.head && direction->free_at <= now) {
        struct packet *packet = pop(&direction->queue);
        direction->queued -= packet->length;
        transmit(direction, packet, direction->free_at);
    }
}

/* Take what the namespace sends, at most BURST packets. */
static void take(struct direction *direction)
{
    static uint8_t buffer[MAX_PACKET];
    for (int i = 0; i < BURST; i++) {
        ssize_t length = read(direction->in, buffer, sizeof buffer);
        if (length <= 0)
            return;
        int64_t now = clock_ns(CLOCK_MONOTONIC);
        struct packet *packet = malloc(sizeof *packet + (size_t)length);
        if (!packet)
            fail("out of memory");
        packet->length = (uint32_t)length;
        packet->time = now;
        memcpy(packet->data, buffer, (size_t)length);
        packet->class = classify(buffer, packet->length);
        count(direction, OFFERED, packet);
        serve_queue(direction, now);
        if (direction->mtu && packet->length > direction->mtu) {
            if (direction->icmp)
                answer_too_big(direction, buffer, packet->length);
            leave(direction, MTU, packet);
        } else if (!direction->queue.head && direction->free_at <= now) {
            direction->remainder = 0;
            transmit(direction, packet, now);
        } else if (direction->queued + packet->length > direction->queue_limit) {
            leave(direction, QUEUE, packet);
        } else {
            push(&direction->queue, packet);
            direction->queued += packet->length;
            if (direction->queued > direction->queue_peak)
                direction->queue_peak = direction->queued;
        }
    }
}

/* Deliver what is due, and say when the next packet is. */
static int64_t deliver(struct direction *direction)
{
    for (;;) {
        int64_t now = clock_ns(CLOCK_MONOTONIC);
        serve_queue(direction, now);
        if (!direction->line.head || direction->line.head->time > now)
            break;
        struct packet *packet = pop(&direction->line);
        int64_t late = now - packet->time;
        if (late > LATE)
            direction->late++;
        if (late > direction->latest)
            direction->latest = late;
        bool written = write(direction->out, packet->data, packet->length) == packet->length;
        leave(direction, written ? DELIVERED : WRITE, packet);
    }
    if (direction->line.head)
        return direction->line.head->time;
    return direction->queue.head ? direction->free_at : INT64_MAX;
}

/* Packets that the kernel dropped because the TUN device's ring was full: they never came here. */
static long long ring_drops(const struct direction *direction)
{
    char text[4096], name[IFNAMSIZ], *rest;
    unsigned long long dropped;
    ssize_t length = pread(direction->devices, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (sscanf(line, " %15[^:]: %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", name,
                   &dropped) == 2 && !strcmp(name, device))
            return (long long)dropped;
    return -1;
}

static void report(FILE *stream)
{
    int64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    fprintf(stream, "{\"elapsed_ns\": %lld, \"cpu_ns\": %lld, \"cpu_share_peak\": %.4f, ",
            (long long)(clock_ns(CLOCK_MONOTONIC) - started), (long long)cpu, share_peak);
    fprintf(stream, "\"scheduling\": \"%s\"", scheduling);
    for (int side = 0; side < 2; side++) {
        struct direction *direction = &directions[side];
        fprintf(stream, ", \"%s\": {\"ring_drops\": %lld, ", direction->name, ring_drops(direction));
        fprintf(stream, "\"queue_bytes\": %llu, \"queue_peak_bytes\": %llu, ",
                (unsigned long long)direction->queued, (unsigned long long)direction->queue_peak);
        fprintf(stream, "\"late\": %llu, \"latest_ns\": %lld, \"icmp_sent\": %llu",
                (unsigned long long)direction->late, (long long)direction->latest,
                (unsigned long long)direction->icmp_sent);
        for (int class = 0; class < CLASSES; class++) {
            fprintf(stream, ", \"%s\": {", class_names[class]);
            for (int event = 0; event < EVENTS; event++)
                fprintf(stream, "%s\"%s\": [%llu, %llu]", event ? ", " : "", event_names[event],
                        (unsigned long long)direction->counts[class][event].packets,
                        (unsigned long long)direction->counts[class][event].bytes);
            fprintf(stream, "}");
        }
        fprintf(stream, "}");
    }
    fprintf(stream, "}\n");
    fflush(stream);
}

static bool whole(const char *word, uint64_t *value)
{
    char *end;
    if (!word || *word < '0' || *word > '9')
        return false;
    errno = 0;
    *value = strtoull(word, &end, 10);
    return !*end && !errno;
}

static bool probability(const char *word, double *value)
{
    char *end;
    if (!word || !*word)
        return false;
    *value = strtod(word, &end);
    return !*end && *value >= 0 && *value <= 1;
}

static bool set(struct direction *direction, const char *key, char *const *words)
{
    uint64_t value = 0;
    if (!strcmp(key, "loss")) {
        double p[4];
        for (int i = 0; i < 4; i++)
            if (!probability(words[i], &p[i]))
                return false;
        direction->loss_good = p[0];
        direction->loss_bad = p[1];
        direction->good_to_bad = p[2];
        direction->bad_to_good = p[3];
        direction->bad = false;
        return true;
    }
    if (!whole(words[0], &value) || value > INT64_MAX)
        return false;
    if (!strcmp(key, "rate")) {
        direction->rate = value;
        direction->remainder = 0;
    } else if (!strcmp(key, "queue"))
        direction->queue_limit = value;
    else if (!strcmp(key, "delay"))
        direction->delay = (int64_t)value;
    else if (!strcmp(key, "jitter"))
        direction->jitter = (int64_t)value;
    else if (!strcmp(key, "blackout"))
        direction->blackout = value;
    else if (!strcmp(key, "mtu") && value < MAX_PACKET) {
        direction->mtu = (uint32_t)value;
        direction->icmp = words[1] && !strcmp(words[1], "icmp");
    } else
        return false;
    return true;
}

static bool obey(char *line)
{
    char *words[8] = {0}, *rest, **word = words;
    for (char *next = strtok_r(line, " ", &rest); next && word < words + 7;
         next = strtok_r(NULL, " ", &rest))
        *word++ = next;
    uint64_t value;
    if (!words[0])
        return false;
    if (!strcmp(words[0], "seed")) {
        if (!whole(words[1], &value))
            return false;
        seed(value);
        return true;
    }
    if (!strcmp(words[0], "port")) {
        if (!whole(words[1], &value) || value > 65535 || !words[2])
            return false;
        for (int class = 0; class < CLASSES; class++)
            if (!strcmp(words[2], class_names[class])) {
                port_class[value] = (uint8_t)class;
                return true;
            }
        return false;
    }
    if (!strcmp(words[0], "router"))
        return words[1] && words[2] && inet_pton(AF_INET, words[1], &router4) == 1 &&
               inet_pton(AF_INET6, words[2], &router6) == 1;
    bool done = true, one = false;
    for (int side = 0; side < 2; side++)
        if (!strcmp(words[0], directions[side].name)) {
            one = true;
            done = words[1] && set(&directions[side], words[1], words + 2);
        }
    for (int side = 0; side < 2 && !one; side++)
        done = set(&directions[side], words[0], words + 1) && done;
    return done;
}

/* Obey what standard input says; false at its end. */
static bool listen_to_commands(void)
{
    static char text[MAX_LINE];
    static size_t filled;
    ssize_t length = read(STDIN_FILENO, text + filled, sizeof text - filled);
    if (length <= 0)
        return length < 0 && (errno == EAGAIN || errno == EINTR);
    filled += (size_t)length;
    for (char *end; (end = memchr(text, '\n', filled));) {
        *end = 0;
        if (!strcmp(text, "stats"))
            report(stdout);
        else
            puts(obey(text) ? "{}" : "{\"error\": \"not understood\"}");
        fflush(stdout);
        filled -= (size_t)(end + 1 - text);
        memmove(text, end + 1, filled);
    }
    if (filled == sizeof text)
        fail("a command is too long");
    return true;
}

static void sample_cpu(void)
{
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    if (now - window_start < SECOND)
        return;
    int64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    double share = (double)(cpu - window_cpu) / (double)(now - window_start);
    if (share > share_peak)
        share_peak = share;
    window_start = now;
    window_cpu = cpu;
}

static int open_device(const char *namespace, int *devices)
{
    int place = open(namespace, O_RDONLY | O_CLOEXEC);
    if (place < 0 || setns(place, CLONE_NEWNET) < 0)
        fail("%s: %s", namespace, strerror(errno));
    close(place);
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0)
        fail("/dev/net/tun: %s", strerror(errno));
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    snprintf(request.ifr_name, IFNAMSIZ, "%s", device);
    if (ioctl(tun, TUNSETIFF, &request) < 0)
        fail("TUN device %s: %s", device, strerror(errno));
    *devices = open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);
    if (*devices < 0)
        fail("/proc/thread-self/net/dev: %s", strerror(errno));
    return tun;
}

/* The link should not wait for the programs that it is there to measure. */
static const char *be_prompt(void)
{
    struct sched_param priority = {.sched_priority = 10};
    prctl(PR_SET_TIMERSLACK, 1);
    if (sched_setscheduler(0, SCHED_FIFO, &priority) == 0)
        return "fifo";
    return setpriority(PRIO_PROCESS, 0, -20) == 0 ? "nice" : "normal";
}

static void on_signal(int number)
{
    if (number == SIGUSR1)
        want_report = 1;
    else
        want_end = 1;
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 4)
        fail("usage: emulator CLIENT_NAMESPACE SERVER_NAMESPACE DEVICE");
    device = arguments[3];
    int tun[2];
    for (int side = 0; side < 2; side++)
        tun[side] = open_device(arguments[1 + side], &directions[side].devices);
    for (int side = 0; side < 2; side++) {
        directions[side].in = tun[side];
        directions[side].out = tun[!side];
        directions[side].queue_limit = INT64_MAX;
        directions[side].bad_to_good = 1;
    }
    memset(port_class, OTHER, sizeof port_class);
    seed(0);
    scheduling = be_prompt();
    started = window_start = clock_ns(CLOCK_MONOTONIC);
    window_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

    /* Signals come only while it waits, so none is missed. */
    sigset_t blocked, before;
    sigemptyset(&blocked);
    struct sigaction action = {.sa_handler = on_signal};
    for (const int *number = (const int[]){SIGUSR1, SIGTERM, SIGINT, 0}; *number; number++) {
        sigaddset(&blocked, *number);
        sigaction(*number, &action, NULL);
    }
    sigprocmask(SIG_BLOCK, &blocked, &before);
    signal(SIGPIPE, SIG_IGN);

    puts("{\"ready\": true}");
    fflush(stdout);
    struct pollfd wait[3] = {{tun[0], POLLIN, 0}, {tun[1], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    while (!want_end) {
        int64_t due = deliver(&directions[0]), other = deliver(&directions[1]);
        if (other < due)
            due = other;
        int64_t left = due - clock_ns(CLOCK_MONOTONIC);
        if (left < GRAIN)
            left = GRAIN;
        struct timespec timeout = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
        int ready = ppoll(wait, 3, due == INT64_MAX ? NULL : &timeout, &before);
        if (want_report) {
            want_report = 0;
            report(stderr);
        }
        for (int side = 0; side < 2 && ready > 0; side++) {
            if (wait[side].revents & POLLERR)
                fail("the TUN device %s is gone", device);
            if (wait[side].revents)
                take(&directions[side]);
        }
        if (ready > 0 && wait[2].revents && !listen_to_commands())
            break;
        sample_cpu();
    }
    report(stdout);
    return 0;
}
