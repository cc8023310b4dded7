#!/usr/bin/env bash
# Builds a Eureka server (Spring Cloud Netflix) with Maven from Maven Central into the cache and prints the path of the jar.
# There is no ready-made server to download: it is a Spring Boot application of one class.
set -euo pipefail
boot=${EUREKA_BOOT_VERSION:-3.5.7}
cloud=${EUREKA_CLOUD_VERSION:-2025.0.1}
home=${HEADGATE_SERVERS:-$HOME/.cache/headgate/servers}/eureka-$cloud
if [ ! -f "$home/eureka.jar" ]; then
  for tool in mvn java; do
    command -v "$tool" >/dev/null || { echo "eureka.sh: a JDK of version 17 or newer and Maven are needed: install Debian's default-jdk and maven" >&2; exit 1; }
  done
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  source=$work/src/main/java/headgate/test
  mkdir -p "$source"
  cat >"$source/EurekaServer.java" <<'JAVA'
package headgate.test;

@org.springframework.cloud.netflix.eureka.server.EnableEurekaServer
@org.springframework.boot.autoconfigure.SpringBootApplication
public class EurekaServer {
  public static void main(String[] arguments) {
    org.springframework.boot.SpringApplication.run(EurekaServer.class, arguments);
  }
}
JAVA
  cat >"$work/pom.xml" <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <parent>
    <groupId>org.springframework.boot</groupId>
    <artifactId>spring-boot-starter-parent</artifactId>
    <version>$boot</version>
    <relativePath/>
  </parent>
  <groupId>headgate.test</groupId>
  <artifactId>eureka</artifactId>
  <version>1</version>
  <properties>
    <java.version>17</java.version>
  </properties>
  <dependencyManagement>
    <dependencies>
      <dependency>
        <groupId>org.springframework.cloud</groupId>
        <artifactId>spring-cloud-dependencies</artifactId>
        <version>$cloud</version>
        <type>pom</type>
        <scope>import</scope>
      </dependency>
    </dependencies>
  </dependencyManagement>
  <dependencies>
    <dependency>
      <groupId>org.springframework.cloud</groupId>
      <artifactId>spring-cloud-starter-netflix-eureka-server</artifactId>
    </dependency>
  </dependencies>
  <build>
    <finalName>eureka</finalName>
    <plugins>
      <plugin>
        <groupId>org.springframework.boot</groupId>
        <artifactId>spring-boot-maven-plugin</artifactId>
      </plugin>
    </plugins>
  </build>
</project>
XML
  nice -n 10 mvn --quiet --batch-mode --file "$work/pom.xml" -DskipTests package >&2
  mkdir -p "$home"
  cp "$work/target/eureka.jar" "$home/eureka.partial"
  mv "$home/eureka.partial" "$home/eureka.jar"
fi
echo "$home/eureka.jar"
