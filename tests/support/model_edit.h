/* SPDX-License-Identifier: MIT
 *
 * model_edit.h - copies of a model file with another vocabulary: the weights stay, the words
 * change.
 */
#ifndef TESTS_SUPPORT_MODEL_EDIT_H
#define TESTS_SUPPORT_MODEL_EDIT_H

#include <stdbool.h>

/* Each of 10..100 becomes a token of its own, in place of the 91 tokens merged last. */
bool model_edit_numbers(const char *in, const char *out);
/* Token `from` is spelled `to` from now on. */
bool model_edit_token(const char *in, const char *out, const char *from, const char *to);
/* The byte-pair tokens become those of a tokenizer as SentencePiece's (SPM): bytes, and words with
 * U+2581 for a space, which it puts in front of every text, too. */
bool model_edit_spm(const char *in, const char *out);
/* Without a key of the metadata. */
bool model_edit_drop(const char *in, const char *out, const char *key);
/* With a key of the metadata set. */
bool model_edit_bool(const char *in, const char *out, const char *key, bool value);
bool model_edit_number(const char *in, const char *out, const char *key, unsigned value);

#endif
