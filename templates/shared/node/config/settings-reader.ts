import { readFileSync } from 'node:fs';

export interface Rate {
  readonly count: number;
  readonly seconds: number;
}

/** Reads variables one by one and collects what is wrong with them; no fault names a value. */
export class SettingsReader {
  readonly faults: string[] = [];
  readonly #variables: NodeJS.ProcessEnv;

  constructor(variables: NodeJS.ProcessEnv) {
    this.#variables = variables;
  }

  fault(name: string, reason: string): void {
    this.faults.push(`${name}: ${reason}`);
  }

  /** An empty variable counts as not set. */
  text(name: string, fallback = ''): string {
    const value = this.#variables[name];
    return value === undefined || value === '' ? fallback : value;
  }

  required(name: string): string {
    return this.#demand(name, this.text(name));
  }

  /** A value that may also stand in the file that `${name}_FILE` names. */
  fileOrText(name: string): string {
    const path = this.text(`${name}_FILE`);
    if (!path) {
      return this.text(name);
    }
    if (this.text(name)) {
      this.fault(name, `is set, and ${name}_FILE too`);
      return '';
    }
    let value;
    try {
      value = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
    } catch {
      this.fault(`${name}_FILE`, 'names no file that can be read');
      return '';
    }
    return this.#demand(`${name}_FILE`, value.replace(/[\r\n]+$/, ''), 'names an empty file');
  }

  requiredFileOrText(name: string): string {
    return this.text(`${name}_FILE`) ? this.fileOrText(name) : this.required(name);
  }

  integer(name: string, fallback: number, minimum: number, maximum: number): number {
    const text = this.text(name, String(fallback));
    const value = Number(text);
    if (!/^[0-9]{1,18}$/.test(text)) {
      this.fault(name, 'must be an unsigned decimal number');
    } else if (value < minimum || value > maximum) {
      this.fault(name, `must be between ${minimum} and ${maximum}`);
    } else {
      return value;
    }
    return fallback;
  }

  choice<const Choice extends string>(
    name: string,
    fallback: Choice,
    choices: readonly Choice[],
  ): Choice {
    const text = this.text(name, fallback);
    const chosen = choices.find((choice) => choice === text);
    if (chosen === undefined) {
      this.fault(name, `must be '${choices.join("' or '")}'`);
    }
    return chosen ?? fallback;
  }

  boolean(name: string, fallback: boolean): boolean {
    return this.choice(name, fallback ? 'true' : 'false', ['true', 'false']) === 'true';
  }

  rate(name: string, fallback: Rate): Rate {
    const text = this.text(name, `${fallback.count}/${fallback.seconds}`);
    const match = /^([1-9][0-9]{0,8})\/([1-9][0-9]{0,8})$/.exec(text);
    if (!match) {
      this.fault(name, 'must be count/seconds, both above 0');
    }
    return match ? { count: Number(match[1]), seconds: Number(match[2]) } : fallback;
  }

  list(name: string): string[] {
    const items = this.text(name).split(',');
    return items.map((item) => item.trim()).filter((item) => item !== '');
  }

  url(name: string, value: string, schemes: readonly string[]): URL | undefined {
    if (!value) {
      return undefined;
    }
    const url = URL.parse(value);
    if (!url || !schemes.includes(url.protocol.slice(0, -1)) || !value.includes('://')) {
      this.fault(name, `must be a URL that begins with ${schemes.join(':// or ')}://`);
      return undefined;
    }
    return url;
  }

  #demand(name: string, value: string, reason = 'is required'): string {
    if (!value) {
      this.fault(name, reason);
    }
    return value;
  }
}
