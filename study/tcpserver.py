"""The tutorial's TCP server: keeps one request in server_recv.txt, answers with server_send.txt where that is there.

The same log lines and the same files as in the document, on localhost:8080, on top of httpwire:
the request is kept whole, the answer goes out whole, and connections that send nothing don't count.
"""

import os
import sys

import httpwire
from httpwire.errors import ListenFailed
from httpwire.language import Translator


class TCPServer:
    """
    TCP通信を行うサーバーを表すクラス
    """

    def serve(self) -> None:
        """
        サーバーを起動し、リクエストを1つ受け取る
        """

        print("=== サーバーを起動します ===")

        try:
            # クライアントへ送信するレスポンスを、ファイルから取得する（ファイルがなければ何も送らない）
            reply = "server_send.txt" if os.path.exists("server_send.txt") else None

            # クライアントから届いたリクエストは、そのままファイルに書き出す
            with httpwire.record(
                "server_recv.txt", listen="localhost:8080", reply=reply, count=1, keep=False
            ) as server:
                # クライアントからの接続を待つ
                print("=== クライアントからの接続を待ちます ===", flush=True)
                server.wait(seconds=None, answered=False)
                peer = next(arrival.peer for arrival in server.arrivals if arrival.complete)
                host, _, port = peer.rpartition(":")
                remote_address = (host.strip("[]"), int(port))
                print(f"=== クライアントとの接続が完了しました remote_address: {remote_address} ===")

                # レスポンスを最後まで送信し、通信を終了させる
                server.join()

        finally:
            print("=== サーバーを停止します。 ===")


if __name__ == "__main__":
    try:
        TCPServer().serve()
    except httpwire.HttpwireError as error:
        japanese = Translator("ja")
        advice = error.advice(japanese)
        if isinstance(error, ListenFailed):  # このプログラムでは、待ち受けるアドレスを選べない
            advice = "8080 番ポートを使っているプログラムを終了してから、もう一度実行してください"
        sys.exit(f"httpwire: {error.sentence(japanese)}。{advice}")
    except KeyboardInterrupt:
        sys.exit(130)
