// SPDX-License-Identifier: MIT
//
// models.tsx - the models of this server: what each is, load, unload.
import { post } from "../../api/client";
import { models, refreshModels } from "../../api/live";
import { sayError } from "../../app/toast";
import { bytes } from "../../base/format";
import { Loading } from "../../parts/states";
import { text } from "../../text/en";

export function Models() {
    const act = (what: "load" | "unload", id: string) => {
        post(what === "load" ? "/api/v1/models/{id}/load" : "/api/v1/models/{id}/unload", { path: { id } }).catch(sayError).finally(() => void refreshModels());
    };
    return (
        <main id="main" class="page" tabindex={-1}>
            <h1>{text.views.models}</h1>
            {models.value === null ? (
                <Loading />
            ) : (
                models.value.map((m) => (
                    <p key={m.id}>
                        <b>{m.id}</b> {bytes(m.size_bytes)} {m.state}{" "}
                        <button class="btn btn-quiet" type="button" onClick={() => act(m.state === "ready" ? "unload" : "load", m.id)}>
                            {m.state === "ready" ? "Unload" : "Load"}
                        </button>
                    </p>
                ))
            )}
        </main>
    );
}
