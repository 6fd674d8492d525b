"""The page and the REST API are served by a real node."""
from node_process import NodeProcess
from support.http_client import HttpClient


def test_a_node_serves_the_page_and_the_api(http: HttpClient,
                                            node_with_http: NodeProcess) -> None:
    page = http.get('/')
    assert (page.status, page.headers['content-type']) == (200, 'text/html; charset=utf-8')
    assert b'<title>' in page.body
    info = http.get('/bucket/info')
    assert info.status == 200, info.body
    assert info.json()['bucket_name']
    node_with_http.wait_for('HTTP: the page and the REST API are at http://')
