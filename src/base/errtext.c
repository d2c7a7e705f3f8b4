/* SPDX-License-Identifier: MIT
 *
 * errtext.c - the texts of errno (errtext.h). strerror() speaks the user's language and may share
 * its buffer between threads; glibc has constants beside it, others have POSIX's strerror_r.
 */
#include "base/errtext.h"

#include <stdio.h>
#include <string.h>

#ifdef __GLIBC__
const char *errtext(int number)
{
    const char *text = strerrordesc_np(number);
    return text != NULL ? text : "unknown error";
}
#else
const char *errtext(int number)
{
    static _Thread_local char text[128];
    if (strerror_r(number, text, sizeof text) != 0) {
        (void)snprintf(text, sizeof text, "error %d", number);
    }
    return text;
}
#endif
