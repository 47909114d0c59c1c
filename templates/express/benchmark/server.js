/** A plain Express service to measure against: bare, or (EQUIPPED=1) with what its users usually add. */
import Database from 'better-sqlite3';
import express from 'express';
import { rateLimit } from 'express-rate-limit';
import helmet from 'helmet';
import { pinoHttp } from 'pino-http';
import { collectDefaultMetrics, Histogram, register } from 'prom-client';

const db = new Database(process.env.DATABASE);
db.pragma('journal_mode = WAL');
const selectProduct = db.prepare('select * from products where id = ?');
const selectProducts = db.prepare(
  'select * from products where price_cents >= ? order by created_at desc, id desc limit 21',
);

const app = express();

if (process.env.EQUIPPED === '1') {
  collectDefaultMetrics();
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of requests.',
    labelNames: ['method', 'route', 'status'],
  });
  app.use(pinoHttp());
  app.use((req, res, next) => {
    const end = duration.startTimer({ method: req.method });
    res.on('finish', () => end({ route: req.route?.path, status: res.statusCode }));
    next();
  });
  app.use(helmet());
  app.use(rateLimit({ windowMs: 60_000, limit: 100_000_000, standardHeaders: 'draft-8', legacyHeaders: false }));
  app.get('/metrics', async (_req, res) => {
    res.type(register.contentType).send(await register.metrics());
  });
}

app.get('/livez', (_req, res) => {
  res.json({ status: 'ok' });
});

app.get('/v1/products', (req, res) => {
  const found = selectProducts.all(Number(req.query.min_price ?? 0));
  res.json({ items: found.slice(0, 20), next_cursor: null });
});

app.get('/v1/products/:id', (req, res) => {
  const product = selectProduct.get(req.params.id);
  if (product) {
    res.json(product);
  } else {
    res.status(404).json({ error: 'not found' });
  }
});

app.listen(Number(process.env.PORT), '127.0.0.1');
