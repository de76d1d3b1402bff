/* The limit that a server on this machine is held against: HTTP, JSON numbers, the same forest, a reply; one thread, epoll, nothing else.

     limit PORT FOREST_FILE

   It validates nothing, counts nothing and knows one request: POST {"instances": [[...], ...]}, answered {"predictions": [[p0, p1], ...]}.
   FOREST_FILE: int32 trees, nodes, features; int32 roots[trees]; int32 feature[nodes] (-1 at a leaf); float threshold[nodes];
   int32 left[nodes], right[nodes]; float share[nodes] (of the second class, at a leaf). */
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
#include <unistd.h>

#define BUFFER (1 << 18)
#define VALUES (1 << 16)

typedef struct { int32_t feature, left, right; float at; } Node; /* at: the threshold, or at a leaf the share */
typedef struct { int fd; size_t held, need, body; char buffer[BUFFER]; } Connection;

static int32_t trees, nodes, features, *roots;
static Node *forest;
static float values[VALUES];
static char reply[BUFFER];

static void die(const char *what) { perror(what); exit(2); }

static void *block(FILE *file, size_t size, size_t count) {
  void *all = malloc(size * count);
  if (!all || fread(all, size, count, file) != count) die("a cut forest file");
  return all;
}

static void read_forest(const char *path) {
  FILE *file = fopen(path, "rb");
  int32_t sizes[3];
  if (!file || fread(sizes, sizeof *sizes, 3, file) != 3) die(path);
  trees = sizes[0], nodes = sizes[1], features = sizes[2];
  roots = block(file, 4, (size_t)trees);
  int32_t *feature = block(file, 4, (size_t)nodes);
  float *threshold = block(file, 4, (size_t)nodes);
  int32_t *left = block(file, 4, (size_t)nodes), *right = block(file, 4, (size_t)nodes);
  float *share = block(file, 4, (size_t)nodes);
  forest = malloc(sizeof *forest * (size_t)nodes);
  for (int32_t i = 0; i < nodes; i++)
    forest[i] = (Node){feature[i], left[i], right[i], feature[i] < 0 ? share[i] : threshold[i]};
  fclose(file);
}

static double predict(const float *row) {
  double sum = 0;
  for (int32_t t = 0; t < trees; t++) {
    const Node *node = &forest[roots[t]];
    while (node->feature >= 0) node = &forest[row[node->feature] <= node->at ? node->left : node->right];
    sum += node->at;
  }
  return sum / trees;
}

/* A JSON number. Exact: up to 2^53 and 10^22 a product or quotient of two doubles rounds once; the rest is left to strtod. */
static double number(const char **text) {
  static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const char *p = *text, *start = p;
  uint64_t digits = 0;
  int minus = *p == '-', count = 0, scale = 0;
  p += minus;
  for (; *p >= '0' && *p <= '9'; p++, count++) digits = digits * 10 + (uint64_t)(*p - '0');
  if (*p == '.')
    for (p++; *p >= '0' && *p <= '9'; p++, count++, scale--) digits = digits * 10 + (uint64_t)(*p - '0');
  if (*p == 'e' || *p == 'E') {
    char *end;
    scale += (int)strtol(p + 1, &end, 10);
    p = end;
  }
  if (count > 18 || digits > (1ull << 53) || scale < -22 || scale > 22) {
    char *end;
    double value = strtod(start, &end);
    *text = end;
    return value;
  }
  *text = p;
  double value = scale < 0 ? (double)digits / tens[-scale] : (double)digits * tens[scale];
  return minus ? -value : value;
}

static size_t read_values(const char *p) {
  size_t n = 0;
  for (; *p; ) {
    if ((*p >= '0' && *p <= '9') || *p == '-') {
      if (n == VALUES) return 0;
      values[n++] = (float)number(&p);
    } else p++;
  }
  return n;
}

static size_t six_digits(char *out, double share) { /* 0.xxxxxxx, seven places: what a float32 holds */
  uint32_t digits = (uint32_t)(share * 1e7 + .5);
  out[0] = (char)('0' + digits / 10000000);
  out[1] = '.';
  for (int i = 8; i > 1; i--, digits /= 10) out[i] = (char)('0' + digits % 10);
  return 9;
}

static size_t answer(const char *body) {
  const char *begin = strchr(body, '[');
  size_t count = begin ? read_values(begin) : 0, size;
  static char text[BUFFER / 2];
  if (!count || count % (size_t)features) return (size_t)sprintf(reply, "HTTP/1.1 422 \r\ncontent-length: 0\r\n\r\n");
  char *out = text + sprintf(text, "{\"predictions\":[");
  for (size_t row = 0; row < count; row += (size_t)features) {
    double share = predict(values + row);
    if (row) *out++ = ',';
    *out++ = '[';
    out += six_digits(out, 1 - share);
    *out++ = ',';
    out += six_digits(out, share);
    *out++ = ']';
  }
  out += sprintf(out, "]}");
  size = (size_t)(out - text);
  int head = sprintf(reply, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", size);
  memcpy(reply + head, text, size);
  return (size_t)head + size;
}

static void end(Connection *c) { close(c->fd); free(c); }

static void take(Connection *c) {
  for (;;) {
    ssize_t n = recv(c->fd, c->buffer + c->held, BUFFER - 1 - c->held, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) { end(c); return; }
    c->held += (size_t)n;
    c->buffer[c->held] = 0;
    if (!c->need) {
      char *head_end = memmem(c->buffer, c->held, "\r\n\r\n", 4);
      if (!head_end) continue;
      char *length = strcasestr(c->buffer, "\r\ncontent-length:");
      c->body = (size_t)(head_end - c->buffer) + 4;
      c->need = c->body + (length && length < head_end ? strtoul(length + 17, NULL, 10) : 0);
      if (c->need >= BUFFER) { end(c); return; }
    }
    if (c->held >= c->need) {
      size_t size = answer(c->buffer + c->body), sent = 0;
      c->held = c->need = 0;
      while (sent < size) {
        ssize_t m = send(c->fd, reply + sent, size - sent, MSG_NOSIGNAL);
        if (m < 0) { end(c); return; }
        sent += (size_t)m;
      }
      return;
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 3) { fputs("limit PORT FOREST_FILE\n", stderr); return 2; }
  read_forest(argv[2]);
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one); /* two workers are two processes */
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) die("listen");
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int ready = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      if (events[i].data.ptr) { take(events[i].data.ptr); continue; }
      int fd;
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        Connection *c = calloc(1, sizeof *c);
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event its = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &its);
      }
    }
  }
}
