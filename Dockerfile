# Untested: it was written where no container engine is at hand. Corrections are welcome.
#
#   docker build -t headgate .
#   docker run --stop-timeout 45 -p 9080:9080 -v "$PWD/headgate.yaml:/etc/headgate/headgate.yaml:ro" headgate
#
# The admin listener is on the container's own loopback address: reach it from a container that shares the network
# (`--network container:<name>`, a sidecar in a pod) or with `docker exec`.

ARG NODE_IMAGE=node:26-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev

FROM ${NODE_IMAGE}
WORKDIR /app
ENV NODE_ENV=production \
    STATE_DIRECTORY=/var/lib/headgate
RUN install -d -o node -g node -m 0700 /var/lib/headgate && install -d /etc/headgate
COPY --from=build /build/package.json ./package.json
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY bin ./bin
USER node
VOLUME /var/lib/headgate
EXPOSE 9080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9180/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/headgate.js"]
CMD ["run", "-c", "/etc/headgate/headgate.yaml"]
