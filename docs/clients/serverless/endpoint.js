"use strict";
// Serverless 3 has version 2 of AWS's SDK, which does not read AWS_ENDPOINT_URL.
module.exports = class Endpoint {
  constructor(serverless) {
    const { sdk } = serverless.getProvider("aws");
    sdk.config.update({ endpoint: process.env.AWS_ENDPOINT_URL, s3ForcePathStyle: true });
  }
};
