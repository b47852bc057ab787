# Debian's Node 20 where the official slim image has its own, in /usr/local/bin.
ARG ROOTFS
FROM ${ROOTFS}

RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends nodejs \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && ln -s /usr/bin/node /usr/local/bin/node

CMD ["node"]
