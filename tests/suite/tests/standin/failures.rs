//! A driver each of whose calls fails in turn.

use super::{settings, turn};
use hadal_device::{Arguments, Backend, DeviceError, Weights};
use hadal_graph::program::Program;
use hadal_graph::{Bindings, DType, Graph, GraphError, HostTensor, compile};
use hadal_native::{NativeBackend, Platform};
use std::sync::Arc;

/// Codes that calls fail with: a value that is not valid, no memory, a kernel that failed.
const CODES: [u32; 3] = [1, 2, 719];

/// `y = x · w`.
fn graph() -> Graph {
    let build = || -> Result<Graph, GraphError> {
        let mut g = Graph::new("failures");
        let x = g.input("x", DType::F32, [3, 8])?;
        let w = g.parameter("w", DType::F32, [8, 5])?;
        let y = g.matmul(x, w)?;
        g.output("y", y);
        Ok(g)
    };
    build().unwrap()
}

/// What a host does with a device, from opening it to reading a result and the times of its kernels.
fn whole_run(platform: &dyn Platform, graph: &Graph) -> Result<Vec<u8>, DeviceError> {
    platform.devices()?;
    let backend = NativeBackend::new(platform.open(0)?, &settings())?;
    let program: Arc<Program> = Arc::new(compile(graph, backend.target()).unwrap());
    let values = |count: usize| (0..count).map(|i| (i % 7) as f32 / 4.0 - 0.5).collect::<Vec<f32>>();
    let weights = Weights::from([("w".to_string(), HostTensor::new([8, 5], &values(40)).unwrap())]);
    pollster::block_on(async {
        let executable = backend.prepare(program, &weights).await?;
        let x = backend.upload(&HostTensor::new([3, 8], &values(24)).unwrap())?;
        let arguments =
            || Arguments { bindings: Bindings::new(), inputs: vec![x.clone()], variables: Vec::new() };
        let results = executable.run(arguments()).await?;
        let (_, times) = executable.profile(arguments()).await?;
        assert!(!times.is_empty());
        backend.synchronize().await?;
        let bytes = backend.read(&results.outputs[0]).await?;
        drop(results);
        backend.empty_cache();
        Ok(bytes)
    })
}

/// Each failure is an error or passes without harm, and nothing is left afterwards.
pub(crate) fn each_call_fails_in_turn(platform: &dyn Platform) {
    let Some(standin) = turn() else { return };
    let graph = graph();
    let expected = whole_run(platform, &graph).unwrap_or_else(|error| panic!("{error} {}", standin.report()));
    // The first run compiled; from now on code comes from the cache.
    standin.clear();
    assert_eq!(whole_run(platform, &graph).as_ref(), Ok(&expected));
    let calls = standin.calls();
    assert!(calls > 50, "{calls} calls");
    for code in CODES {
        let mut errors = 0;
        for n in 1..=calls {
            standin.clear();
            standin.fail(n, code);
            match whole_run(platform, &graph) {
                Ok(bytes) => assert_eq!(bytes, expected, "call {n} fails with {code}"),
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    errors += 1;
                }
            }
            assert_eq!(standin.live_allocations(), 0, "call {n} fails with {code}: {}", standin.report());
            assert_eq!(standin.report(), "", "call {n} fails with {code}");
        }
        println!("{errors} of {calls} failures with {code} are errors");
        assert!(2 * errors > calls, "{errors} of {calls}");
    }
}
