#[tokio::test]
async fn the_demo_comes_out_as_it_should() {
    sluicegate_tests::demo::run().await.unwrap();
}
