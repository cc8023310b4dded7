import type { ActiveCheckPlan, Probe } from '../types.ts';
import { createGrpcProbe } from './grpc.ts';
import { createHttpProbe } from './http.ts';
import { createTcpProbe } from './tcp.ts';
import { createUdpProbe } from './udp.ts';

/** The probe that a plan asks for. Throws a TypeError for what cannot be asked, such as a path with a space. */
export function probeOf({ question, timeoutMs }: ActiveCheckPlan): Probe {
  switch (question.type) {
    case 'http':
      return createHttpProbe({ ...question, timeoutMs });
    case 'tcp':
      return createTcpProbe({ ...question, timeoutMs });
    case 'grpc':
      return createGrpcProbe({ ...question, timeoutMs });
    case 'udp':
      return createUdpProbe({ ...question, timeoutMs });
  }
}
