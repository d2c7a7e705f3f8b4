/* SPDX-License-Identifier: MIT
 *
 * page_files.h - the files of the web page, which are part of the program (cmake/Page.cmake).
 */
#ifndef PERSONA_SERVER_PAGE_FILES_H
#define PERSONA_SERVER_PAGE_FILES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct page_file {
    const char *name; /* without a folder */
    const char *hash; /* of the bytes */
    const unsigned char *plain, *plain_end;
    const unsigned char *packed, *packed_end; /* by gzip */
} page_file;

/* NULL: there is none of that name. */
const page_file *page_file_find(const char *name);

#endif
