import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocateSessionOwners, clearSessionOwners, SessionOwners } from '../../src/l4/session-owners.ts';

const SESSIONS = 10_000;

function threeWorkers(sessions = SESSIONS) {
  const memory = allocateSessionOwners(3, sessions, 7);
  return { memory, workers: [0, 1, 2].map((index) => new SessionOwners(memory, index)) as [Owners, Owners, Owners] };
}
type Owners = SessionOwners;

/** Marks of clients that differ in their port only, as those behind one address do. */
const marksOf = (owners: Owners, count: number, from = 1) =>
  Array.from({ length: count }, (_, index) => owners.markOf(2, '192.0.2.1', '198.51.100.7', from + index));

test('a session is found by all workers but its own, until it ends', () => {
  const { workers } = threeWorkers();
  const [one, two, three] = workers;
  const mark = one.markOf(2, '192.0.2.1', '198.51.100.7', 4711);
  assert.equal(two.markOf(2, '192.0.2.1', '198.51.100.7', 4711), mark, 'all know it by the same mark');
  for (const owners of workers) assert.equal(owners.ownerOf(mark), -1);
  two.begin(mark);
  assert.deepEqual([one.ownerOf(mark), two.ownerOf(mark), three.ownerOf(mark)], [1, -1, 1]);
  two.end(mark);
  assert.equal(one.ownerOf(mark), -1);
});

test('listener, local address, client and port all tell sessions apart', () => {
  const { workers } = threeWorkers();
  const [one] = workers;
  const marks = [
    one.markOf(2, '192.0.2.1', '198.51.100.7', 4711),
    one.markOf(3, '192.0.2.1', '198.51.100.7', 4711),
    one.markOf(2, '192.0.2.2', '198.51.100.7', 4711),
    one.markOf(2, '192.0.2.1', '198.51.100.8', 4711),
    one.markOf(2, '192.0.2.1', '198.51.100.7', 4712),
  ];
  assert.equal(new Set(marks).size, marks.length);
});

test('as many sessions as there may be: none is overlooked, few clients seem to have one, and nothing stays behind', () => {
  const { workers } = threeWorkers();
  const [one, two] = workers;
  const marks = marksOf(one, SESSIONS);
  for (const mark of marks) one.begin(mark);
  assert.ok(marks.every((mark) => two.ownerOf(mark) === 0));
  const strangers = marksOf(one, SESSIONS, 20_000).filter((mark) => two.ownerOf(mark) >= 0).length;
  assert.ok(strangers < SESSIONS * 0.04, `${strangers} of ${SESSIONS}`);
  for (const mark of marks) one.end(mark);
  assert.ok(marks.every((mark) => two.ownerOf(mark) === -1));
});

test('a dead worker has no sessions any more', () => {
  const { memory, workers } = threeWorkers();
  const [one, two, three] = workers;
  const [first, second] = marksOf(one, 2);
  one.begin(first!);
  two.begin(second!);
  clearSessionOwners(memory, 0);
  assert.deepEqual([three.ownerOf(first!), three.ownerOf(second!)], [-1, 1]);
});
