//! All of them.

use super::{
    Service, aws, compose, faketime, haproxy, kubeconform, kustomize, minio, node, pgbouncer,
    podman, postgres, promtool, redis, schemas,
};

pub(super) static SERVICES: [Service; 14] = [
    Service {
        name: "Postgres",
        variable: "SLUICEGATE_DEPLOYED_POSTGRES_BIN",
        takes: "ten seconds",
        get: postgres::get,
    },
    Service {
        name: "PgBouncer",
        variable: "SLUICEGATE_PGBOUNCER",
        takes: "a minute",
        get: pgbouncer::get,
    },
    Service {
        name: "MinIO",
        variable: "SLUICEGATE_MINIO",
        takes: "five minutes",
        get: minio::get,
    },
    // No server, but what a drill on servers needs.
    Service {
        name: "AWS-CLI",
        variable: "SLUICEGATE_AWS",
        takes: "half a minute",
        get: aws::get,
    },
    Service {
        name: "Redis",
        variable: "SLUICEGATE_REDIS_SERVER",
        takes: "ten seconds",
        get: redis::get,
    },
    Service {
        name: "Node",
        variable: "SLUICEGATE_NODE",
        takes: "a moment",
        get: node::get,
    },
    // Likewise none: it shifts clocks.
    Service {
        name: "Faketime",
        variable: "SLUICEGATE_FAKETIME",
        takes: "ten seconds",
        get: faketime::get,
    },
    // What follows builds, starts and reads what deploys ours: `deploy/check-images`, `deploy/check`.
    Service {
        name: "Podman",
        variable: "SLUICEGATE_PODMAN",
        takes: "half a minute",
        get: podman::get,
    },
    Service {
        name: "Compose",
        variable: "SLUICEGATE_COMPOSE",
        takes: "four minutes",
        get: compose::get,
    },
    Service {
        name: "HAProxy",
        variable: "SLUICEGATE_HAPROXY",
        takes: "ten seconds",
        get: haproxy::get,
    },
    Service {
        name: "Promtool",
        variable: "SLUICEGATE_PROMTOOL",
        takes: "a minute",
        get: promtool::get,
    },
    Service {
        name: "Kustomize",
        variable: "SLUICEGATE_KUSTOMIZE",
        takes: "a minute",
        get: kustomize::get,
    },
    Service {
        name: "Kubeconform",
        variable: "SLUICEGATE_KUBECONFORM",
        takes: "ten seconds",
        get: kubeconform::get,
    },
    Service {
        name: "Kubernetes-schemas",
        variable: "SLUICEGATE_KUBERNETES_SCHEMAS",
        takes: "half a minute",
        get: schemas::get,
    },
];
