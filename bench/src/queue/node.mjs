// BullMQ of Node on a queue of its own, with the options that our relay gives to jobs. One JSON object a line on stdout.
//   node node.mjs add <queue> <jobs> <in one call> <calls at once>
//   node node.mjs work <queue> <jobs> <at once>
import { randomUUID } from 'node:crypto';
import { Queue, Worker } from 'bullmq';

const [what, name, total, ...rest] = process.argv.slice(2);
const jobs = Number(total);
const url = new URL(process.env.REDIS_URL);
const connection = {
  host: url.hostname,
  port: Number(url.port),
  password: decodeURIComponent(url.password),
  maxRetriesPerRequest: null,
};
const seconds = (since) => Number(process.hrtime.bigint() - since) / 1e9;
const say = (line) => console.log(JSON.stringify(line));

const job = () => ({
  name: 'process',
  data: { postId: randomUUID(), userId: randomUUID() },
  opts: {
    jobId: randomUUID(),
    attempts: 18,
    backoff: { type: 'exponential', delay: 2000 },
    removeOnComplete: { age: 3600, count: 10000 },
    removeOnFail: { age: 604800, count: 10000 },
  },
});

if (what === 'add') {
  const [inOneCall, atOnce] = rest.map(Number);
  const queue = new Queue(name, { connection });
  await queue.waitUntilReady();
  let left = jobs;
  const since = process.hrtime.bigint();
  const add = async () => {
    while (left > 0) {
      const some = Array.from({ length: Math.min(inOneCall, left) }, job);
      left -= some.length;
      if (inOneCall > 1) await queue.addBulk(some);
      else await queue.add(some[0].name, some[0].data, some[0].opts);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, add));
  say({ seconds: seconds(since) });
  await queue.close();
} else if (what === 'work') {
  const [concurrency] = rest.map(Number);
  const options = { connection, concurrency, autorun: false, lockDuration: 30000, stalledInterval: 15000 };
  const worker = new Worker(name, async () => null, options);
  await worker.waitUntilReady();
  let done = 0;
  const all = new Promise((resolve) => {
    worker.on('completed', () => {
      done += 1;
      if (done === jobs) resolve();
    });
  });
  const [since, before] = [process.hrtime.bigint(), process.cpuUsage()];
  worker.run();
  await all;
  const { user, system } = process.cpuUsage(before);
  say({ seconds: seconds(since), cpu: (user + system) / 1e6 });
  await worker.close();
}
process.exit(0);
