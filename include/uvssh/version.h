/* version.h: what was compiled against, and what is running. */
#ifndef UVSSH_VERSION_H
#define UVSSH_VERSION_H

#ifndef UVSSH_EXTERN
# if defined(_WIN32) && defined(UVSSH_BUILDING_SHARED)
#  define UVSSH_EXTERN __declspec(dllexport)
# elif defined(_WIN32) && defined(UVSSH_USING_SHARED)
#  define UVSSH_EXTERN __declspec(dllimport)
# elif defined(__GNUC__)
#  define UVSSH_EXTERN __attribute__((visibility("default")))
# else
#  define UVSSH_EXTERN
# endif
#endif

#define UVSSH_VERSION_MAJOR 0
#define UVSSH_VERSION_MINOR 1
#define UVSSH_VERSION_PATCH 0
#define UVSSH_VERSION_STRING "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The version of the library that is running, as "0.1.0".
 *
 * return  static text
 * thread  any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN const char* uvssh_version_string(void);

#ifdef __cplusplus
}
#endif
#endif
