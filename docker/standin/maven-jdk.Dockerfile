# Debian's Maven and Java 21 where the official image has Temurin's.
ARG ROOTFS
FROM ${ROOTFS}

# /usr/share/man: a post-installation script writes there, and the root file system has none.
RUN mkdir -p /usr/share/man/man1 /opt/java \
 && apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends maven openjdk-21-jdk-headless \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && ln -s /usr/lib/jvm/java-21-openjdk-* /opt/java/openjdk

# This machine's settings.xml; with none, Maven goes to its central repository.
ARG MAVEN_SETTINGS
RUN if [ -n "$MAVEN_SETTINGS" ]; then \
      mkdir -p ~/.m2 && printf '%s\n' "$MAVEN_SETTINGS" >~/.m2/settings.xml; \
    fi

ENV JAVA_HOME=/opt/java/openjdk \
    PATH=/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8
CMD ["mvn"]
