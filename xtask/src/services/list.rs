//! All of them.

use super::{
    Service, When, aws, compose, haproxy, kubeconform, kustomize, minio, node, pgbouncer, podman,
    postgres, promtool, redis, schemas,
};

pub(super) static SERVICES: [Service; 13] = [
    Service {
        name: "Postgres",
        variable: "SLUICEGATE_DEPLOYED_POSTGRES_BIN",
        takes: "ten seconds",
        when: When::Asked(postgres::there),
        get: postgres::get,
    },
    Service {
        name: "PgBouncer",
        variable: "SLUICEGATE_PGBOUNCER",
        takes: "a minute",
        when: When::Always,
        get: pgbouncer::get,
    },
    Service {
        name: "MinIO",
        variable: "SLUICEGATE_MINIO",
        takes: "five minutes",
        when: When::Asked(minio::there),
        get: minio::get,
    },
    // No server, but what a drill on servers needs.
    Service {
        name: "AWS-CLI",
        variable: "SLUICEGATE_AWS",
        takes: "half a minute",
        when: When::Always,
        get: aws::get,
    },
    Service {
        name: "Redis",
        variable: "SLUICEGATE_REDIS_SERVER",
        takes: "ten seconds",
        when: When::Always,
        get: redis::get,
    },
    Service {
        name: "Node",
        variable: "SLUICEGATE_NODE",
        takes: "a moment",
        when: When::Always,
        get: node::get,
    },
    // What follows builds, starts and reads what deploys ours: `deploy/check-images`, `deploy/check`.
    Service {
        name: "Podman",
        variable: "SLUICEGATE_PODMAN",
        takes: "half a minute",
        when: When::Always,
        get: podman::get,
    },
    Service {
        name: "Compose",
        variable: "SLUICEGATE_COMPOSE",
        takes: "four minutes",
        when: When::Always,
        get: compose::get,
    },
    Service {
        name: "HAProxy",
        variable: "SLUICEGATE_HAPROXY",
        takes: "ten seconds",
        when: When::Always,
        get: haproxy::get,
    },
    Service {
        name: "Promtool",
        variable: "SLUICEGATE_PROMTOOL",
        takes: "a minute",
        when: When::Always,
        get: promtool::get,
    },
    Service {
        name: "Kustomize",
        variable: "SLUICEGATE_KUSTOMIZE",
        takes: "a minute",
        when: When::Always,
        get: kustomize::get,
    },
    Service {
        name: "Kubeconform",
        variable: "SLUICEGATE_KUBECONFORM",
        takes: "ten seconds",
        when: When::Always,
        get: kubeconform::get,
    },
    Service {
        name: "Kubernetes-schemas",
        variable: "SLUICEGATE_KUBERNETES_SCHEMAS",
        takes: "half a minute",
        when: When::Always,
        get: schemas::get,
    },
];
