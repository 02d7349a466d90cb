//! The calls that write one object: look, make or take over, tell.

use std::time::Duration;

use http::{Request, StatusCode};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::api::{GetParams, Patch, PatchParams};
use kube::{Client, Resource};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{AccountStatus, FIELD_MANAGER, HookAudit, HookAuditStatus, TargetRef};
use crate::audit::snapshot::Workload;
use crate::leader::Mandate;
use crate::sink::call::{Answer, CallError, call};

use super::WriteResult;
use super::digest::StatusDigest;
use super::plan::{Key, Lost, Seen, has_untold_gap, owner_missing, rests_on};

/// How the API server says, with code 500, that the installed definition lacks a field.
const UNDECLARED: &str = "failed to create typed patch object";

/// The API server, as far as one object is concerned.
pub(super) struct Api {
    client: Client,
    mandate: Mandate,
    call_timeout: Duration,
}

/// The object as it is after all calls succeeded.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) seen: Seen,
    pub(super) results: Vec<WriteResult>,
    /// Length of the account that was written, if one was.
    pub(super) account_bytes: usize,
}

/// The call that did not succeed, and what was learned.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) result: WriteResult,
    pub(super) retry_after: Option<Duration>,
    pub(super) why: String,
    /// The object as it was found after a conflict.
    pub(super) seen: Option<Box<Seen>>,
}

/// What every answer to a write tells of the object.
#[derive(Deserialize)]
struct Head {
    metadata: ObjectMeta,
}

impl Api {
    pub(super) fn new(client: Client, mandate: Mandate, call_timeout: Duration) -> Self {
        Self {
            client,
            mandate,
            call_timeout,
        }
    }

    /// Writes what differs between `seen` and `workload`, each call over exactly what was seen.
    pub(super) async fn write(
        &self,
        key: &Key,
        workload: &Workload,
        seen: Option<Seen>,
        epoch: u32,
    ) -> Result<Written, Refused> {
        let mut results = Vec::new();
        let seen = match seen {
            Some(seen) if !owner_due(workload, &seen) => seen,
            _ => match self.look(key, epoch).await? {
                None => {
                    results.push(WriteResult::Created);
                    self.make(key, workload, epoch).await?
                }
                Some((_, seen)) if foreign(workload, &seen) => {
                    return Err(for_another_target(seen));
                }
                Some((_, seen)) if !rests_on(workload, &seen) => return Err(news_first(seen)),
                Some((_, seen)) if !owner_due(workload, &seen) => seen,
                Some((audit, seen)) => {
                    results.push(WriteResult::Adopted);
                    self.adopt(key, workload, &audit, seen).await?
                }
            },
        };
        let mut status = HookAuditStatus::from(workload);
        status.observe(seen.generation);
        let digest = StatusDigest::of(&status);
        if seen.digest == Some(digest) && !has_untold_gap(workload, &status, &seen) {
            return Ok(Written {
                seen,
                results,
                account_bytes: 0,
            });
        }
        let seen = self
            .tell(
                key,
                &status,
                Seen {
                    digest: Some(digest),
                    lost: Lost::of(&status),
                    ..seen
                },
            )
            .await?;
        results.push(WriteResult::Written);
        let account = status.account.as_ref();
        Ok(Written {
            seen,
            results,
            account_bytes: account.map_or(0, AccountStatus::bytes),
        })
    }

    async fn look(&self, key: &Key, epoch: u32) -> Result<Option<(HookAudit, Seen)>, Refused> {
        let request = requests(key).get(&key.name, &GetParams::default());
        let answer = self.send(request).await?;
        if answer.code == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let audit: HookAudit = read(answer)?;
        let seen = Seen::of(&audit, epoch);
        Ok(Some((audit, seen)))
    }

    /// Without force: if somebody made the object in between for another target, it is looked at again.
    async fn make(&self, key: &Key, workload: &Workload, epoch: u32) -> Result<Seen, Refused> {
        let target = TargetRef::of(&workload.target);
        let mut object = head(key);
        object["metadata"]["ownerReferences"] = owners(workload);
        object["spec"] = json!({ "targetRef": target });
        let request = requests(key).patch(
            &key.name,
            &PatchParams::apply(FIELD_MANAGER),
            &Patch::Apply(&object),
        );
        let metadata = self.written(key, request, epoch).await?;
        Ok(Seen {
            resource_version: metadata.resource_version.unwrap_or_default().into(),
            generation: metadata.generation,
            owner_uids: workload.uid.into_iter().collect(),
            target: workload.target.clone(),
            digest: None,
            lost: Lost::default(),
            epoch,
        })
    }

    /// Adds the owner. The spec stays its author's; leaving out a target that we set would remove it.
    async fn adopt(
        &self,
        key: &Key,
        workload: &Workload,
        audit: &HookAudit,
        seen: Seen,
    ) -> Result<Seen, Refused> {
        let mut object = head(key);
        object["metadata"]["ownerReferences"] = owners(workload);
        object["metadata"]["resourceVersion"] = json!(seen.resource_version);
        if audit
            .metadata
            .managed_fields
            .iter()
            .flatten()
            .any(owns_target)
        {
            object["spec"] = json!({ "targetRef": audit.spec.target_ref });
        }
        let request = requests(key).patch(
            &key.name,
            &PatchParams::apply(FIELD_MANAGER),
            &Patch::Apply(&object),
        );
        let metadata = self.written(key, request, seen.epoch).await?;
        Ok(Seen {
            resource_version: metadata.resource_version.unwrap_or_default().into(),
            generation: metadata.generation,
            owner_uids: workload.uid.into_iter().collect(),
            ..seen
        })
    }

    /// Forced over other field managers, because the status is ours, never over another resourceVersion.
    async fn tell(&self, key: &Key, status: &HookAuditStatus, seen: Seen) -> Result<Seen, Refused> {
        let mut object = head(key);
        object["metadata"]["resourceVersion"] = json!(seen.resource_version);
        object["status"] = json!(status);
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let request = requests(key).patch_subresource(
            "status",
            &key.name,
            &parameters,
            &Patch::Apply(&object),
        );
        let metadata = self.written(key, request, seen.epoch).await?;
        Ok(Seen {
            resource_version: metadata.resource_version.unwrap_or_default().into(),
            generation: metadata.generation,
            ..seen
        })
    }

    async fn written(
        &self,
        key: &Key,
        request: Result<Request<Vec<u8>>, kube::core::request::Error>,
        epoch: u32,
    ) -> Result<ObjectMeta, Refused> {
        let answer = self.send(request).await?;
        if answer.code != StatusCode::CONFLICT {
            return read::<Head>(answer).map(|head| head.metadata);
        }
        let mut refused = refusal(&answer);
        match self.look(key, epoch).await? {
            Some((_, seen)) => refused.seen = Some(Box::new(seen)),
            None => refused.result = WriteResult::Missing,
        }
        Err(refused)
    }

    async fn send(
        &self,
        request: Result<Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Answer, Refused> {
        let failed = |result, why| Refused {
            result,
            retry_after: None,
            why,
            seen: None,
        };
        let request = request.map_err(|error| failed(WriteResult::Invalid, error.to_string()))?;
        match call(&self.client, &self.mandate, request, self.call_timeout).await {
            Ok(answer) => Ok(answer),
            Err(error @ CallError::NotLeading) => {
                Err(failed(WriteResult::NotLeading, error.to_string()))
            }
            Err(error @ CallError::TimedOut(_)) => {
                Err(failed(WriteResult::TimedOut, error.to_string()))
            }
            Err(error @ CallError::Unreachable(_)) => {
                Err(failed(WriteResult::Failed, error.to_string()))
            }
        }
    }
}

fn requests(key: &Key) -> kube::core::Request {
    kube::core::Request::new(HookAudit::url_path(&(), Some(&key.namespace)))
}

fn head(key: &Key) -> Value {
    json!({
        "apiVersion": HookAudit::api_version(&()),
        "kind": HookAudit::kind(&()),
        "metadata": { "namespace": key.namespace, "name": key.name },
    })
}

/// Neither `controller` nor `blockOwnerDeletion`: nothing waits for a report.
fn owners(workload: &Workload) -> Value {
    let Some(uid) = workload.uid else {
        return json!([]);
    };
    json!([{
        "apiVersion": workload.target.api_version,
        "kind": workload.target.kind,
        "name": workload.target.name,
        "uid": uid.to_string(),
    }])
}

fn owner_due(workload: &Workload, seen: &Seen) -> bool {
    !workload.gone && owner_missing(workload, seen)
}

fn foreign(workload: &Workload, seen: &Seen) -> bool {
    seen.target != TargetRef::of(&workload.target).workload()
}

fn for_another_target(seen: Seen) -> Refused {
    Refused {
        result: WriteResult::Invalid,
        retry_after: None,
        why: format!(
            "it was made for {} {}; delete it or give it another name",
            seen.target.kind, seen.target.name
        ),
        seen: Some(Box::new(seen)),
    }
}

/// What is there may count more than these tallies do: they are made anew on it.
fn news_first(seen: Seen) -> Refused {
    Refused {
        result: WriteResult::Conflict,
        retry_after: None,
        why: "it was written in between".to_owned(),
        seen: Some(Box::new(seen)),
    }
}

fn owns_target(entry: &ManagedFieldsEntry) -> bool {
    let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
    entry.manager.as_deref() == Some(FIELD_MANAGER)
        && entry.operation.as_deref() == Some("Apply")
        && fields.is_some_and(|fields| fields["f:spec"]["f:targetRef"].is_object())
}

fn read<T: serde::de::DeserializeOwned>(answer: Answer) -> Result<T, Refused> {
    if !answer.code.is_success() {
        return Err(refusal(&answer));
    }
    serde_json::from_slice(&answer.body).map_err(|error| Refused {
        result: WriteResult::Failed,
        retry_after: None,
        why: format!(
            "the API server's answer cannot be read from column {} of line {}",
            error.column(),
            error.line()
        ),
        seen: None,
    })
}

fn refusal(answer: &Answer) -> Refused {
    let status: Option<kube::core::Status> = serde_json::from_slice(&answer.body).ok();
    let message = status.map_or_else(String::new, |status| status.message);
    let result = match answer.code {
        StatusCode::NOT_FOUND | StatusCode::GONE => WriteResult::Missing,
        StatusCode::CONFLICT => WriteResult::Conflict,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => WriteResult::Forbidden,
        StatusCode::TOO_MANY_REQUESTS => WriteResult::Throttled,
        code if code.is_client_error() => WriteResult::Invalid,
        _ if message.starts_with(UNDECLARED) => WriteResult::Invalid,
        _ => WriteResult::Failed,
    };
    Refused {
        result,
        retry_after: answer.retry_after,
        why: if message.is_empty() {
            answer.code.to_string()
        } else {
            message
        },
        seen: None,
    }
}
