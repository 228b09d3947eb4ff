/* options.h: the command line of exec.c. */
#ifndef OPTIONS_H
#define OPTIONS_H

enum { OPTIONS_KEYS = 16 };        /* most -i */

typedef struct {
  const char* host;
  const char* user;
  int port;
  const char* keys[OPTIONS_KEYS];  /* files; they may not be there when */
  unsigned key_count;              /* nobody gave them */
  int keys_given;
  const char* fingerprint;         /* "SHA256:...", or NULL: */
  const char* known_hosts;         /* the file */
  char* command;                   /* NULL: a shell */
  int terminal;
  int batch;                       /* never ask */
  int verbose;                     /* each packet */
  int keylog;
} options_t;

/* Fills it, or ends the program: -h, and what is wrong. What it points to lives
 * to the end. */
void options_parse(options_t* options, int argc, char** argv);

#endif
