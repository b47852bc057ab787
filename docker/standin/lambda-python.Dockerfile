# Honours the contract of AWS's Python image on Debian: the same entry point, folders, variables
# and runtime client. It is not Amazon Linux: no dnf, other library versions, no RIE.
ARG ROOTFS
FROM ${ROOTFS}

# A virtual environment in /var/lang puts what pip installs where AWS's image has it, and out of
# the reach of Debian's marker against installing with pip.
RUN python3 -m venv /var/lang \
 && /var/lang/bin/pip install --no-cache-dir --target /var/runtime 'awslambdaric>=4,<5' 'boto3>=1.40' \
 && /var/lang/bin/python -m compileall -q /usr/lib/python3.13 /var/lang/lib /var/runtime \
 && rm /var/lang/bin/[Aa]ctivate* /var/lang/.gitignore \
 && mkdir -p /var/task /opt/bin /opt/lib /opt/python \
 && echo 'sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin' >> /etc/passwd

COPY lambda-entrypoint.sh /lambda-entrypoint.sh
COPY bootstrap bootstrap.py /var/runtime/

ENV LANG=en_US.UTF-8 \
    TZ=:/etc/localtime \
    PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin \
    LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib \
    LAMBDA_TASK_ROOT=/var/task \
    LAMBDA_RUNTIME_DIR=/var/runtime

WORKDIR /var/task
ENTRYPOINT ["/lambda-entrypoint.sh"]
