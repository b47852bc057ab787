# CPython 3.6 of this machine in the folders, variables and entry point of AWS's image of runtime
# python3.6, with the last runtime client that takes 3.6. No Debian release has a 3.6 any more.
ARG ROOTFS
FROM ${ROOTFS}

# What the interpreter's own modules are linked to.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends \
      libbz2-1.0 libffi8 liblzma5 libsqlite3-0 libssl3t64 zlib1g \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*

COPY python3.6 /var/lang

ENV LANG=en_US.UTF-8 \
    TZ=:/etc/localtime \
    PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin \
    LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib \
    LAMBDA_TASK_ROOT=/var/task \
    LAMBDA_RUNTIME_DIR=/var/runtime

# The newer pip knows the wheels of today's platforms, which the one of 2018 would compile instead.
RUN /var/lang/bin/python3.6 -m ensurepip --upgrade >/dev/null \
 && /var/lang/bin/python3.6 -m pip install --no-cache-dir --quiet --upgrade 'pip<22' \
 && /var/lang/bin/python3.6 -m pip install --no-cache-dir --quiet --target /var/runtime \
      awslambdaric==2.0.4 boto3==1.7.74 \
 && printf '#!/var/lang/bin/python3.6\nfrom pip import main\nraise SystemExit(main())\n' >/var/lang/bin/pip \
 && ln -sf python3.6 /var/lang/bin/python && ln -sf python3.6 /var/lang/bin/python3 \
 && /var/lang/bin/python3.6 -m compileall -q /var/lang/lib /var/runtime \
 && mkdir -p /var/task /opt/bin /opt/lib /opt/python \
 && echo 'sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin' >> /etc/passwd

COPY lambda-entrypoint.sh /lambda-entrypoint.sh
COPY bootstrap bootstrap.py /var/runtime/
# the same start program as for 3.13, which names its version
RUN sed -i 's/3\.13/3.6/' /var/runtime/bootstrap /var/runtime/bootstrap.py \
 && sed -i '/^from __future__/d' /var/runtime/bootstrap.py

WORKDIR /var/task
ENTRYPOINT ["/lambda-entrypoint.sh"]
