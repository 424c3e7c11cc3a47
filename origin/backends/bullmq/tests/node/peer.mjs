// A peer on the same queues, made of the real packages. One JSON object a line on stdout; ends with its stdin.
// Several ports, with commas between them, are the nodes of a cluster.
//   node peer.mjs add <port> <queue> <name> <id> <attempts> <data>
//   node peer.mjs work <port> <queue> [fail]
//   node peer.mjs board <port> <queue>
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { Queue, UnrecoverableError, Worker } from 'bullmq';
import express from 'express';
import { Cluster } from 'ioredis';

const [what, port, name, ...rest] = process.argv.slice(2);
const nodes = port.split(',').map((each) => ({ host: '127.0.0.1', port: Number(each) }));
// All keys of a queue must be on one node: what operators of a cluster have to set, too.
const [connection, prefix] = nodes.length > 1
  ? [new Cluster(nodes, { redisOptions: { maxRetriesPerRequest: null } }), '{bull}']
  : [{ ...nodes[0], maxRetriesPerRequest: null }, 'bull'];
const say = (line) => console.log(JSON.stringify(line));
process.stdin.on('end', () => process.exit(0)).resume();

if (what === 'add') {
  const [job, jobId, attempts, data] = rest;
  const queue = new Queue(name, { connection, prefix });
  await queue.add(job, JSON.parse(data), {
    jobId,
    attempts: Number(attempts),
    backoff: { type: 'exponential', delay: 100 },
  });
  say({ added: jobId });
  await queue.close();
  process.exit(0);
} else if (what === 'work') {
  const work = async (job) => {
    if (rest[0] === 'fail') throw new UnrecoverableError('Node says no');
    // The first attempt goes wrong: BullMQ's own retries are used.
    if (job.attemptsMade === 0) throw new Error('once');
    return { by: 'node' };
  };
  const worker = new Worker(name, work, {
    connection, prefix, concurrency: 4, autorun: false,
  });
  const seen = (event) => (job) => say({
    event, id: job.id, name: job.name, data: job.data, attempts: job.opts.attempts,
    backoff: job.opts.backoff, made: job.attemptsMade,
  });
  worker.on('completed', seen('completed')).on('failed', seen('failed'));
  await worker.waitUntilReady();
  // First, so that nothing it does is said before.
  say({ ready: true });
  worker.run();
} else if (what === 'board') {
  const queue = new Queue(name, { connection });
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath('/ui');
  createBullBoard({ queues: [new BullMQAdapter(queue)], serverAdapter });
  const app = express();
  app.use('/ui', serverAdapter.getRouter());
  const server = app.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
}
