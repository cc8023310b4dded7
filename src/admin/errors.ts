import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/** The body of every answer that reports an error. */
export function errorBody(message: string): { error_msg: string } {
  return { error_msg: message };
}

/** What the caller did wrong is told to the caller; what we did wrong is told to the log. */
export function reportErrors(app: FastifyInstance, log: Log): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.code(status).send(errorBody(error.message));
    log.error('admin.failed', `${request.method} ${request.routeOptions.url ?? 'unknown path'}: ${reasonOf(error)}`);
    return reply.code(500).send(errorBody('internal error; the log says more'));
  });
}

/** Answers a path that can't be decoded. */
export function answerBadUrl(error: FastifyError, _request: unknown, reply: unknown): void {
  (reply as FastifyReply).code(error.statusCode ?? 400).send(errorBody('the path is not a valid one'));
}

/** Answers what Node's parser refuses, before there is a request. */
export function answerBadRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const body = JSON.stringify(errorBody('the request is not valid HTTP'));
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${body.length}\r\n` +
      `connection: close\r\n\r\n${body}`,
  );
}
