"""The tutorial's TCP client: sends client_send.txt to 127.0.0.1:80, writes the answer to client_recv.txt.

The same four log lines and the same two files as in the document, on top of httpwire: the
request goes out whole, the answer is kept whole, and the connection is always closed.
"""

import sys

import httpwire
from httpwire.language import Translator


class IncompleteAnswer(Exception):
    """
    レスポンスが最後まで届かなかったことを表す例外
    """


class TCPClient:
    """
    TCP通信を行うクライアントを表すクラス
    """

    def request(self) -> None:
        """
        サーバーへリクエストを送信する
        """

        print("=== クライアントを起動します ===")

        try:
            # サーバーに送信するリクエストを、ファイルから取得する
            with httpwire.open_transfer("client_send.txt", to="127.0.0.1:80") as transfer:
                # サーバーと接続する
                print("=== サーバーと接続します ===")
                transfer.connect()
                print("=== サーバーとの接続が完了しました ===")

                # リクエストを送信し、返ってきたレスポンスをそのままファイルに書き出す
                saved = httpwire.save(transfer, "client_recv.txt")

            if not transfer.complete:
                raise IncompleteAnswer(f"レスポンスが途中で終わりました（保存先: {saved or 'なし'}）")

        finally:
            print("=== クライアントを停止します。 ===")


if __name__ == "__main__":
    client = TCPClient()
    try:
        client.request()
    except httpwire.HttpwireError as error:
        japanese = Translator("ja")
        sys.exit(f"httpwire: {error.sentence(japanese)}。{error.advice(japanese)}")
    except IncompleteAnswer as error:
        sys.exit(f"httpwire: {error}")
