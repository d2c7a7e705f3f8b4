/* SPDX-License-Identifier: MIT
 *
 * rpc.h - layers on other hosts: a list of HOST:PORT becomes devices of ggml's RPC backend.
 */
#ifndef PERSONA_ENGINE_RPC_H
#define PERSONA_ENGINE_RPC_H

#include <ggml-backend.h>
#include <stdbool.h>

#include "persona/error.h"

/* Connects to the hosts of a list "HOST:PORT,..." whose connection is not there yet; their devices
 * are then known by name (RPC0, ...). After backend_init. *out: their devices and the graphics
 * processors here, ending with NULL; mem_free it. silence: seconds that one answer may take. Any
 * number of threads may call it. Errors: USAGE, UNAVAILABLE, NOMEM. */
PERSONA_CHECK persona_code rpc_devices(const char *list, int silence, ggml_backend_dev_t **out,
                                       persona_err *e);
/* backend.c: the RPC backend, where only the processor's was loaded; NULL: it is not installed. */
ggml_backend_reg_t rpc_backend_load(void);
/* True if a device is another host's. */
bool rpc_is_remote(ggml_backend_dev_t dev);

#endif
