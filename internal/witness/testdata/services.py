"""Uses S3, SQS, SNS and Rekognition, and is refused by each of them without the session token: services.py ENDPOINT PROFILE"""
import os
import sys

import boto3
from botocore.exceptions import ClientError

endpoint, profile = sys.argv[1:]


def s3(client):
    bucket = "backup-%d" % os.getpid()
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": client.meta.region_name})
    client.put_object(Bucket=bucket, Key="nightly/1", Body=b"content")
    return client.get_object(Bucket=bucket, Key="nightly/1")["Body"].read() == b"content"


def sqs(client):
    url = client.create_queue(QueueName="backup")["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody="content")
    return client.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "content"


def sns(client):
    topic = client.create_topic(Name="backup")["TopicArn"]
    return client.publish(TopicArn=topic, Message="content")["MessageId"] != ""


def rekognition(client):
    return len(client.detect_text(Image={"Bytes": b"picture"})["TextDetections"]) > 0


def status(use, client):
    try:
        use(client)
    except ClientError as refused:
        return refused.response["ResponseMetadata"]["HTTPStatusCode"]
    return 200


session = boto3.Session(profile_name=profile)
credentials = session.get_credentials().get_frozen_credentials()
without_token = boto3.Session(
    aws_access_key_id=credentials.access_key, aws_secret_access_key=credentials.secret_key, region_name=session.region_name)
for use in (s3, sqs, sns, rekognition):
    if not use(session.client(use.__name__, endpoint_url=endpoint)):
        sys.exit("%s: another answer than expected" % use.__name__)
    refused = status(use, without_token.client(use.__name__, endpoint_url=endpoint))
    if refused != 403:
        sys.exit("%s without session token: got %d, want 403" % (use.__name__, refused))
