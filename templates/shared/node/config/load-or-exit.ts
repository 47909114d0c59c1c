import { type Config, InvalidSettingsError, loadConfig } from './config.ts';

const EX_CONFIG = 78; // sysexits.h

/** The settings, or the end: every fault on a line of its own, none with a value. */
export function loadConfigOrExit(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof InvalidSettingsError)) {
      throw error;
    }
    process.stderr.write(`${error.message}\n`);
    process.exit(EX_CONFIG);
  }
}
