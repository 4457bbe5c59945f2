// Does what a line of JSON asks for with AWS's SDK for JavaScript, and answers "ok" or the error, line by line.
const { fromHttp } = require("@aws-sdk/credential-provider-http");
const rekognition = require("@aws-sdk/client-rekognition");
const s3 = require("@aws-sdk/client-s3");
const sns = require("@aws-sdk/client-sns");
const sqs = require("@aws-sdk/client-sqs");
const sts = require("@aws-sdk/client-sts");
const assert = require("node:assert");
const { randomBytes } = require("node:crypto");
const readline = require("node:readline");

async function receive(client, QueueUrl) {
  for (let i = 0; i < 10; i++) {
    const { Messages } = await client.send(new sqs.ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1 }));
    if (Messages?.length) return Messages[0].Body;
  }
  assert.fail("no message has come");
}

const call = {
  s3: (c, job) => new s3.S3Client(c).send(new s3.ListObjectsV2Command({ Bucket: job.bucket })),
  sqs: (c) => new sqs.SQSClient(c).send(new sqs.ListQueuesCommand({})),
  sns: (c) => new sns.SNSClient(c).send(new sns.ListTopicsCommand({})),
  rekognition: (c, job) => labels(c, job.pictures[0]),
  sts: (c) => new sts.STSClient(c).send(new sts.GetCallerIdentityCommand({})),
};

async function labels(c, picture) {
  const image = { Bytes: Buffer.from(picture, "base64") };
  const { Labels } = await new rekognition.RekognitionClient(c).send(new rekognition.DetectLabelsCommand({ Image: image }));
  return Labels.map((label) => label.Name).join();
}

const work = {
  async s3(c, job) {
    const client = new s3.S3Client(c);
    const of = { Bucket: job.bucket, Key: job.name };
    const parts = [randomBytes(5 << 20), randomBytes(1 << 20)];
    const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand(of));
    const Parts = [];
    for (const [i, Body] of parts.entries()) {
      const { ETag } = await client.send(new s3.UploadPartCommand({ ...of, UploadId, PartNumber: i + 1, Body }));
      Parts.push({ ETag, PartNumber: i + 1 });
    }
    await client.send(new s3.CompleteMultipartUploadCommand({ ...of, UploadId, MultipartUpload: { Parts } }));
    const got = await client.send(new s3.GetObjectCommand(of));
    assert.ok(Buffer.concat(parts).equals(await got.Body.transformToByteArray()), "another object than was uploaded");
    await client.send(new s3.DeleteObjectCommand(of));
  },
  async sqs(c, job) {
    const client = new sqs.SQSClient(c);
    const { QueueUrl } = await client.send(new sqs.CreateQueueCommand({ QueueName: job.name }));
    await client.send(new sqs.SendMessageCommand({ QueueUrl, MessageBody: "a job: é" }));
    assert.equal(await receive(client, QueueUrl), "a job: é");
    await client.send(new sqs.DeleteQueueCommand({ QueueUrl }));
  },
  async sns(c, job) {
    const topics = new sns.SNSClient(c);
    const queues = new sqs.SQSClient(c);
    const { TopicArn } = await topics.send(new sns.CreateTopicCommand({ Name: job.name }));
    const { QueueUrl } = await queues.send(new sqs.CreateQueueCommand({ QueueName: job.name }));
    const { Attributes } = await queues.send(new sqs.GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }));
    await topics.send(new sns.SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint: Attributes.QueueArn }));
    await topics.send(new sns.PublishCommand({ TopicArn, Message: "an order: é" }));
    assert.equal(JSON.parse(await receive(queues, QueueUrl)).Message, "an order: é");
  },
  async rekognition(c, job) {
    assert.equal(await labels(c, job.pictures[0]), "Sky");
    assert.equal(await labels(c, job.pictures[1]), "Grass");
  },
  async sts(c, job) {
    const { Arn } = await call.sts(c);
    assert.ok(Arn.includes(job.caller), `it is ${Arn}`);
  },
};

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const job = JSON.parse(line);
    const config = {
      region: "eu-west-1",
      endpoint: job.endpoint,
      forcePathStyle: true,
      useQueueUrlAsEndpoint: false,
      maxAttempts: 1,
      credentials: fromHttp({
        awsContainerCredentialsFullUri: job.AWS_CONTAINER_CREDENTIALS_FULL_URI,
        awsContainerAuthorizationToken: job.AWS_CONTAINER_AUTHORIZATION_TOKEN,
      }),
    };
    try {
      await (job.good ? work : call)[job.service](config, job);
      console.log("ok");
    } catch (error) {
      console.log(`${error.name}: ${error.message}`.replaceAll("\n", " "));
    }
  }
}

main();
