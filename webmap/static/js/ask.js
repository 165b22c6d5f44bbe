// Questions to our own server.

export class Refused extends Error {}

/** The JSON of an address; parameters that are empty are left out. Throws Refused with the server's own sentence. */
export async function ask(url, parameters = {}, signal = undefined) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(given).toString();
  let response;
  try {
    response = await fetch(query ? `${url}?${query}` : url, { signal, headers: { Accept: "application/json" } });
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Refused("");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(body.detail || `HTTP ${response.status}`);
  return body;
}

/** Asks one question at a time: a new one gives up the one before, whose answer nobody wants any more. */
export class Latest {
  constructor() {
    this.controller = null;
  }

  /** The answer, or undefined when a newer question came first. */
  async ask(url, parameters) {
    this.controller?.abort();
    const controller = (this.controller = new AbortController());
    try {
      const answer = await ask(url, parameters, controller.signal);
      return controller.signal.aborted ? undefined : answer;
    } catch (fault) {
      if (fault.name === "AbortError") return undefined;
      throw fault;
    }
  }
}
