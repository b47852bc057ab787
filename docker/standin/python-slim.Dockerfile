# Python 3.13 with pip under /usr/local, as the official slim image has it.
ARG ROOTFS
FROM ${ROOTFS}

RUN python3 -m venv /usr/local \
 && python3 -m compileall -q /usr/lib/python3.13

ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8
CMD ["python3"]
