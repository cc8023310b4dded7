/** What opens the reference page. */
export const INTRODUCTION = `# Configuration

<!-- Generated from src/config/schema by \`npm run generate\`: edit there, not here. -->

Headgate reads one YAML file (JSON will do, being YAML). Every setting has a default, so an empty file is a valid one, and
without a file flags are enough. Names and meanings are those of Apache APISIX 3.x where it has them. Times are in seconds.

- \`headgate check -c headgate.yaml\` prints everything that is wrong, each with file, line, column and path, and exits
  with 1. An unknown key is an error.
- Editors complete and check the file with \`schema/headgate.schema.json\`: begin it with the line
  \`# yaml-language-server: $schema=…/headgate.schema.json\`.
- The file is watched, and SIGHUP reads it again. A good file is applied as the difference to what was there; a bad one
  changes nothing and is reported.
- \`\${NAME}\` in a value is replaced by that environment variable; without it the file is not accepted. \`\${NAME:-default}\`
  takes the default where the variable is absent or empty. In quotes the result is text; without quotes it is read like any
  other value, and a setting that is then empty counts as not written. \`$\${\` stands for a literal \`\${\`.
- Anchors and aliases work. Tags, merge keys (\`<<\`), duplicate keys and files above 8 MiB are refused.

\`\`\`yaml
discovery:
  consul:
    servers: ["http://127.0.0.1:8500"]
routes:
  - id: shop
    uri: /shop/*
    upstream:
      service_name: shop
      discovery_type: consul
\`\`\``;
