/* A closed loop of N connections, each sending its next request when it has its answer; one thread, epoll, raw latencies.

     load PORT CONNECTIONS WARM_SECONDS SECONDS REQUESTS_FILE MARKER

   REQUESTS_FILE holds whole HTTP requests, each after its length (uint32, this machine's order); they are sent in rotation. An answer is
   good when its status is 200 and its body contains MARKER. Latency is from the first byte sent to the last byte received; what was
   answered in the window counts, whenever it was sent. Prints one JSON object; `all_requests` counts the warm-up too. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (1 << 20)
#define STATUSES 600
#define RETRY_NS 10000000ull /* a refused connection is tried again after this time */

typedef struct { const char *bytes; size_t size; } Request;
typedef struct {
  int fd, waiting;               /* waiting: a request is out and its answer is not whole */
  size_t request, sent, held;    /* which request, bytes of it sent, bytes of the answer held */
  ssize_t need;                  /* bytes of the whole answer, -1 while unknown, -2 while chunked */
  size_t body;                   /* where the answer's body begins */
  uint64_t began, retry_at;
  char *buffer;
} Connection;

static Request *requests;
static size_t request_count, next_request;
static const char *marker;
static size_t marker_size;
static int port, epoll;
static double *latencies;
static size_t latency_count, latency_room;
static uint64_t all_requests, statuses[STATUSES], lost, refused, no_prediction, malformed;
static int measuring, draining;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void die(const char *what) { perror(what); exit(2); }

static void read_requests(const char *path) {
  FILE *file = fopen(path, "rb");
  uint32_t size;
  size_t room = 0;
  if (!file) die(path);
  while (fread(&size, sizeof size, 1, file) == 1) {
    if (request_count == room) requests = realloc(requests, (room = room ? 2 * room : 64) * sizeof *requests);
    char *bytes = malloc(size);
    if (!bytes || fread(bytes, 1, size, file) != size) die("a cut request file");
    requests[request_count++] = (Request){bytes, size};
  }
  fclose(file);
  if (!request_count) { fputs("no requests\n", stderr); exit(2); }
}

static void watch(Connection *c, uint32_t events, int operation) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  if (epoll_ctl(epoll, operation, c->fd, &event)) die("epoll_ctl");
}

static void hang_up(Connection *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
  c->waiting = 0;
}

static void lose(Connection *c) {
  if (c->waiting && measuring) lost++;
  hang_up(c);
  c->retry_at = now() + RETRY_NS;
}

static void push(Connection *c) {
  const Request *r = &requests[c->request];
  while (c->sent < r->size) {
    ssize_t n = send(c->fd, r->bytes + c->sent, r->size - c->sent, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EAGAIN) { watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD); return; }
      lose(c);
      return;
    }
    c->sent += (size_t)n;
    if (c->sent == r->size && (size_t)n != r->size) watch(c, EPOLLIN, EPOLL_CTL_MOD);
  }
}

static void ask(Connection *c) {
  if (draining) return;
  c->request = next_request++ % request_count;
  c->sent = c->held = 0;
  c->need = -1;
  c->waiting = 1;
  c->began = now();
  push(c);
}

static void dial(Connection *c) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0) die("socket");
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) {
    if (measuring) refused++;
    hang_up(c);
    c->retry_at = now() + RETRY_NS;
    return;
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  watch(c, EPOLLIN, EPOLL_CTL_ADD);
  ask(c);
}

/* Reads the head once it is whole. Returns 0 when it is not there yet or is none. */
static int read_head(Connection *c) {
  char *end = memmem(c->buffer, c->held, "\r\n\r\n", 4);
  if (!end) return 0;
  *end = 0;
  c->body = (size_t)(end - c->buffer) + 4;
  char *length = strcasestr(c->buffer, "\r\ncontent-length:");
  if (length) c->need = (ssize_t)c->body + strtol(length + 17, NULL, 10);
  else if (strcasestr(c->buffer, "\r\ntransfer-encoding: chunked")) c->need = -2;
  else { if (measuring) malformed++; hang_up(c); c->retry_at = now() + RETRY_NS; return 0; }
  return 1;
}

static void finish(Connection *c) {
  uint64_t end = now();
  int status = c->held > 12 ? atoi(c->buffer + 9) : 0;
  int closing = strcasestr(c->buffer, "\r\nconnection: close") != NULL; /* the head ends in a zero */
  c->waiting = 0;
  all_requests++;
  if (measuring) {
    if (latency_count == latency_room) {
      latencies = realloc(latencies, (latency_room = latency_room ? 2 * latency_room : 1 << 16) * sizeof *latencies);
      if (!latencies) die("memory");
    }
    latencies[latency_count++] = (double)(end - c->began) / 1e6;
    if (status > 0 && status < STATUSES) statuses[status]++; else malformed++;
    if (status == 200 && !memmem(c->buffer + c->body, c->held - c->body, marker, marker_size)) no_prediction++;
  }
  if (closing) { hang_up(c); if (!draining) dial(c); }
  else ask(c);
}

static void take(Connection *c) {
  while (c->fd >= 0) {
    ssize_t n = recv(c->fd, c->buffer + c->held, BUFFER - c->held, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 || !c->waiting) { lose(c); return; }
    c->held += (size_t)n;
    if (c->need == -1 && !read_head(c)) continue;
    if (c->fd < 0) return;
    if (c->need == -2 ? c->held >= 5 && !memcmp(c->buffer + c->held - 5, "0\r\n\r\n", 5) : (ssize_t)c->held >= c->need) { finish(c); return; }
  }
}

static void run_until(Connection *all, int n, uint64_t end) {
  struct epoll_event events[256];
  for (;;) {
    uint64_t time = now();
    int open = 0;
    if (time >= end) return;
    for (int i = 0; i < n; i++) {
      if (all[i].fd < 0 && !draining && time >= all[i].retry_at) dial(&all[i]);
      open += all[i].waiting;
    }
    if (draining && !open) return;
    int ready = epoll_wait(epoll, events, 256, 5);
    for (int i = 0; i < ready; i++) {
      Connection *c = events[i].data.ptr;
      if (events[i].events & EPOLLOUT && c->fd >= 0 && c->waiting) push(c);
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && c->fd >= 0) take(c);
    }
  }
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double rank(double p) { /* nearest rank */
  if (!latency_count) return -1;
  size_t k = (size_t)(p * (double)latency_count);
  if ((double)k < p * (double)latency_count) k++;
  return latencies[k ? k - 1 : 0];
}

int main(int argc, char **argv) {
  if (argc != 7) { fputs("load PORT CONNECTIONS WARM_SECONDS SECONDS REQUESTS_FILE MARKER\n", stderr); return 2; }
  port = atoi(argv[1]);
  int n = atoi(argv[2]);
  uint64_t warm = (uint64_t)(atof(argv[3]) * 1e9), window = (uint64_t)(atof(argv[4]) * 1e9);
  read_requests(argv[5]);
  marker = argv[6];
  marker_size = strlen(marker);
  epoll = epoll_create1(0);
  Connection *all = calloc((size_t)n, sizeof *all);
  for (int i = 0; i < n; i++) {
    all[i].fd = -1;
    if (!(all[i].buffer = malloc(BUFFER))) die("memory");
  }
  run_until(all, n, now() + warm);
  measuring = 1;
  uint64_t began = now();
  run_until(all, n, began + window);
  double seconds = (double)(now() - began) / 1e9;
  measuring = 0;
  draining = 1;
  run_until(all, n, now() + 30000000000ull); /* what is under way is answered, so that CPU time and requests belong together */
  if (latency_count) qsort(latencies, latency_count, sizeof *latencies, ascending);
  uint64_t bad = lost + refused + no_prediction + malformed;
  for (int s = 0; s < STATUSES; s++) if (s != 200) bad += statuses[s];
  double sum = 0;
  for (size_t i = 0; i < latency_count; i++) sum += latencies[i];
  printf("{\"requests\": %zu, \"all_requests\": %lu, \"seconds\": %.6f, \"errors\": %lu, \"kinds\": {\"lost\": %lu, \"refused\": %lu, "
         "\"no prediction\": %lu, \"malformed\": %lu", latency_count, all_requests, seconds, bad, lost, refused, no_prediction, malformed);
  for (int s = 0; s < STATUSES; s++) if (s != 200 && statuses[s]) printf(", \"status %d\": %lu", s, statuses[s]);
  printf("}, \"rate\": %.3f, \"p50_ms\": %.5f, \"p95_ms\": %.5f, \"p99_ms\": %.5f, \"max_ms\": %.5f, \"mean_ms\": %.5f}\n",
         (double)(statuses[200] - no_prediction) / seconds, rank(.50), rank(.95), rank(.99), rank(1), latency_count ? sum / (double)latency_count : -1);
  return 0;
}
