/* SPDX-License-Identifier: MIT
 *
 * page_files.c - the table of the files that page_files.S holds (page_files.h).
 */
#include "server/page/page_files.h"

#include <string.h>

#define PAGE_FILE(i, name, hash)                                                                   \
    extern const unsigned char page_##i##_plain[], page_##i##_plain_end[];                         \
    extern const unsigned char page_##i##_packed[], page_##i##_packed_end[];
#include <page_files.def>
#undef PAGE_FILE

static const page_file FILES[] = {
#define PAGE_FILE(i, name, hash)                                                                   \
    {name, hash, page_##i##_plain, page_##i##_plain_end, page_##i##_packed, page_##i##_packed_end},
#include <page_files.def>
#undef PAGE_FILE
};

const page_file *page_file_find(const char *name)
{
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        if (strcmp(FILES[i].name, name) == 0) {
            return &FILES[i];
        }
    }
    return NULL;
}
