# Debian's Java 21 where the Temurin image has its own.
ARG ROOTFS
FROM ${ROOTFS}

# /usr/share/man: its post-installation script writes there, and the root file system has none.
# The archive of loaded classes is what makes a JVM start fast; Temurin ships one.
RUN mkdir -p /usr/share/man/man1 /opt/java \
 && apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends openjdk-21-jre-headless \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && ln -s /usr/lib/jvm/java-21-openjdk-* /opt/java/openjdk \
 && java -Xshare:dump

ENV JAVA_HOME=/opt/java/openjdk \
    PATH=/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=en_US.UTF-8
CMD ["java", "-version"]
