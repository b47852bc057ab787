# Debian's Java 8 where AWS's image of runtime java8 has Corretto 8: the same folders, variables
# and, in /var/lang/bin, the same program. It has no runtime client: a function's image brings its
# own, as one on any other base does.
ARG ROOTFS
FROM ${ROOTFS}

# Java 8 is in Debian's unstable release alone; the mirror is the one of the root file system.
# /usr/share/man: its post-installation script writes there, and the root file system has none.
# The archive of loaded classes is what -Xshare:on asks for; AWS's image ships one.
RUN mkdir -p /usr/share/man/man1 /var/lang /var/task /opt /var/runtime \
 && sed 's/trixie/sid/' /etc/apt/sources.list >/etc/apt/sources.list.d/unstable.list \
 && apt-get update -qq \
 && { apt-get install -y -qq --no-install-recommends -t sid openjdk-8-jre-headless \
      || { echo 'Debian no longer serves openjdk-8-jre-headless (java8)' >&2; exit 1; }; } \
 && rm -rf /etc/apt/sources.list.d/unstable.list /var/lib/apt/lists/* /var/cache/apt/* \
 && ln -s /usr/lib/jvm/java-8-openjdk-*/jre/bin /var/lang/bin \
 && java -Xshare:dump

ENV LANG=en_US.UTF-8 \
    TZ=:/etc/localtime \
    PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin \
    LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib \
    LAMBDA_TASK_ROOT=/var/task \
    LAMBDA_RUNTIME_DIR=/var/runtime
WORKDIR /var/task
