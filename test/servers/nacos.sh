#!/usr/bin/env bash
# Installs a Nacos 3 server with Maven from Maven Central into the cache and prints the directory: lib/, classes/, schema.sql.
# Alibaba publishes no server there; pig-mesh republishes its modules, but not the one that starts them. The small main
# below does that: the core context, then the web context as its child, without the console.
set -euo pipefail
version=${NACOS_VERSION:-3.1.0-bugfix}
home=${HEADGATE_SERVERS:-$HOME/.cache/headgate/servers}/nacos-$version
if [ ! -f "$home/schema.sql" ]; then
  for tool in mvn javac unzip; do
    command -v "$tool" >/dev/null || { echo "nacos.sh: $tool is missing: install Debian's default-jdk (17 or newer), maven and unzip" >&2; exit 1; }
  done
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cat >"$work/pom.xml" <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>headgate.test</groupId>
  <artifactId>nacos</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>io.github.pig-mesh.nacos</groupId>
      <artifactId>nacos-server</artifactId>
      <version>$version</version>
    </dependency>
  </dependencies>
</project>
XML
  # In the package of Nacos, since the classes that it starts are scanned for from there.
  cat >"$work/StandaloneNacos.java" <<'JAVA'
package com.alibaba.nacos;

import com.alibaba.nacos.core.listener.startup.NacosStartUp;
import com.alibaba.nacos.core.listener.startup.NacosStartUpManager;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;

public class StandaloneNacos {
  public static void main(String[] arguments) {
    NacosStartUpManager.start(NacosStartUp.CORE_START_UP_PHASE);
    ConfigurableApplicationContext core =
        new SpringApplicationBuilder(NacosServerBasicApplication.class).web(WebApplicationType.NONE).run(arguments);
    NacosStartUpManager.start(NacosStartUp.WEB_START_UP_PHASE);
    new SpringApplicationBuilder(NacosServerWebApplication.class).parent(core).run(arguments);
  }
}
JAVA
  nice -n 10 mvn --quiet --batch-mode --file "$work/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime "-DoutputDirectory=$work/home/lib" >&2
  # Two releases of hessian with the same class names come along; the server starts only with the newer one.
  rm -f "$work"/home/lib/hessian-3.*.jar
  javac -cp "$work/home/lib/*" -d "$work/home/classes" "$work/StandaloneNacos.java"
  unzip -q -p "$work"/home/lib/nacos-config-[0-9]*.jar META-INF/derby-schema.sql >"$work/home/schema.sql"
  rm -rf "$home"
  mkdir -p "$(dirname "$home")"
  mv "$work/home" "$home"
fi
echo "$home"
