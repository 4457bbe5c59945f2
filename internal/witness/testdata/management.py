"""Calls every operation of Roles Anywhere's management API that this boto3 knows: management.py ENDPOINT PROFILE DIR

DIR has a CA in root.pem, another in intermediate.pem, and a revocation list in crl.pem. Prints an object: "called" and
"known" are the names of the operations.
"""
import json
import pathlib
import sys

import boto3

endpoint, profile, directory = sys.argv[1:]
files = pathlib.Path(directory)
session = boto3.Session(profile_name=profile)
client = session.client("rolesanywhere", endpoint_url=endpoint)
known = set(client.meta.service_model.operation_names)
called = set()
client.meta.events.register("after-call.*.*", lambda model, http_response, **_: (
    called.add(model.name) if http_response.status_code < 300 else None))


def same(what, got, want):
    if got != want:
        sys.exit("%s: got %r, want %r" % (what, got, want))


def bundle(*names):
    certificates = "".join((files / name).read_text() for name in names)
    return {"sourceType": "CERTIFICATE_BUNDLE", "sourceData": {"x509CertificateData": certificates}}


def ids(operation, member, key):
    """All IDs that a listing has, in pages of one."""
    return [item[key] for page in client.get_paginator(operation).paginate(pageSize=1) for item in page[member]]


tags = [{"key": "team", "value": "backup @ night"}]
role = session.client("iam", endpoint_url=endpoint).list_roles()["Roles"][0]["Arn"]

anchor = client.create_trust_anchor(name="boto", source=bundle("root.pem"), enabled=False, tags=tags)["trustAnchor"]
anchor_id, anchor_arn = anchor["trustAnchorId"], anchor["trustAnchorArn"]
same("enabled trust anchor", client.enable_trust_anchor(trustAnchorId=anchor_id)["trustAnchor"]["enabled"], True)
same("disabled trust anchor", client.disable_trust_anchor(trustAnchorId=anchor_id)["trustAnchor"]["enabled"], False)
client.update_trust_anchor(trustAnchorId=anchor_id, name="boto-2", source=bundle("root.pem", "intermediate.pem"))
anchor = client.get_trust_anchor(trustAnchorId=anchor_id)["trustAnchor"]
same("trust anchor's name", anchor["name"], "boto-2")
same("trust anchor's source", anchor["source"], bundle("root.pem", "intermediate.pem"))
same("trust anchors", anchor_id in ids("list_trust_anchors", "trustAnchors", "trustAnchorId"), True)
if "PutNotificationSettings" in known:
    setting = {"event": "CA_CERTIFICATE_EXPIRY", "enabled": True, "threshold": 30, "channel": "ALL"}
    key = {name: setting[name] for name in ("event", "channel")}
    put = client.put_notification_settings(trustAnchorId=anchor_id, notificationSettings=[setting])
    reset = client.reset_notification_settings(trustAnchorId=anchor_id, notificationSettingKeys=[key])
    thresholds = [
        [s["threshold"] for s in answer["trustAnchor"]["notificationSettings"] if s["event"] == setting["event"]]
        for answer in (put, reset)
    ]
    same("thresholds before and after the reset", thresholds, [[30], [45]])

client.tag_resource(resourceArn=anchor_arn, tags=[{"key": "stage", "value": "test"}])
client.untag_resource(resourceArn=anchor_arn, tagKeys=["stage"])
same("tags", client.list_tags_for_resource(resourceArn=anchor_arn)["tags"], tags)

profile = client.create_profile(name="boto", roleArns=[role], durationSeconds=900)["profile"]
profile_id = profile["profileId"]
same("enabled profile", client.enable_profile(profileId=profile_id)["profile"]["enabled"], True)
same("disabled profile", client.disable_profile(profileId=profile_id)["profile"]["enabled"], False)
client.update_profile(profileId=profile_id, durationSeconds=1800)
same("profile's duration", client.get_profile(profileId=profile_id)["profile"]["durationSeconds"], 1800)
same("profiles", profile_id in ids("list_profiles", "profiles", "profileId"), True)
if "PutAttributeMapping" in known:
    client.put_attribute_mapping(
        profileId=profile_id, certificateField="x509Subject", mappingRules=[{"specifier": "CN"}, {"specifier": "OU"}])
    mapped = client.delete_attribute_mapping(profileId=profile_id, certificateField="x509Subject", specifiers=["CN"])
    rules = {m["certificateField"]: m["mappingRules"] for m in mapped["profile"]["attributeMappings"]}
    same("mapping rules", rules["x509Subject"], [{"specifier": "OU"}])

crl = (files / "crl.pem").read_bytes()
crl_id = client.import_crl(name="boto", crlData=crl, trustAnchorArn=anchor_arn, enabled=False)["crl"]["crlId"]
same("enabled CRL", client.enable_crl(crlId=crl_id)["crl"]["enabled"], True)
same("disabled CRL", client.disable_crl(crlId=crl_id)["crl"]["enabled"], False)
client.update_crl(crlId=crl_id, name="boto-2", crlData=crl)
same("CRL", [client.get_crl(crlId=crl_id)["crl"][member] for member in ("name", "crlData")], ["boto-2", crl])
same("CRLs", ids("list_crls", "crls", "crlId"), [crl_id])

subject = ids("list_subjects", "subjects", "subjectId")[0]
same("subject", client.get_subject(subjectId=subject)["subject"]["subjectId"], subject)

client.delete_crl(crlId=crl_id)
client.delete_profile(profileId=profile_id)
client.delete_trust_anchor(trustAnchorId=anchor_id)
try:
    client.get_profile(profileId=profile_id)
except client.exceptions.ResourceNotFoundException:
    pass
else:
    sys.exit("the deleted profile can still be read")

print(json.dumps({"called": sorted(called), "known": sorted(known)}))
