/** Prints a new signing key, for `make setup`. */
import { generateKeyPairSync } from 'node:crypto';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
process.stdout.write(privateKey.export({ type: 'pkcs8', format: 'pem' }));
