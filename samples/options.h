/* options.h: the command line of exec.c. */
#ifndef OPTIONS_H
#define OPTIONS_H

enum { OPTIONS_KEYS = 16 };        /* most -i */

typedef struct {
  const char* host;
  const char* user;
  int port;
  const char* keys[OPTIONS_KEYS];  /* files; the first may not be there when */
  unsigned key_count;              /* nobody gave it */
  int keys_given;
  const char* fingerprint;         /* "SHA256:...", or NULL: */
  const char* known_hosts;         /* the file */
  char* command;                   /* NULL: a shell */
  int terminal;
  int batch;                       /* never ask */
} options_t;

/* Fills it, or ends the program: -h, and what is wrong. What it points to lives
 * to the end. */
void options_parse(options_t* options, int argc, char** argv);

#endif
