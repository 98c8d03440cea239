"""What requests ask for, as word stems of sixteen languages grouped by concept.

A concept is never decided by a substring: in scripts with spaces a stem has to
start a word, and a stem written with ``=`` has to be the whole word. "Author" is
not "auth", and "improve" is not "prove". What a concept is worth is fitted
(docs/scoring.md), and no concept alone reaches a tier.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Final


class Concept(IntEnum):
    """What a word of a request hints at."""

    GREETING = 0
    QUESTION = 1
    """Who, what, when, where, which, how many."""
    DEFINE = 2
    """Asks for a meaning or a translation."""
    BRIEF = 3
    EXPLAIN = 4
    COMPARE = 5
    SUMMARISE = 6
    WRITE = 7
    REVIEW = 8
    DIAGNOSE = 9
    DESIGN = 10
    SYSTEM = 11
    """Names something large: a platform, a pipeline, an infrastructure."""
    PROVE = 12
    FORMAL = 13
    """Vocabulary of proofs: theorem, lemma, induction, convergence."""
    CONSTRAIN = 14
    """States a condition: must, without, at most, exactly."""


_STEMS: Final[Mapping[Concept, str]] = {
    Concept.GREETING: """
        =hi =hello =hey =thanks =thank =bye =goodbye =ok =okay =yes =no =please =welcome
        你好 您好 谢谢 早上好 晚上好 再见 こんにちは こんばんは おはよう ありがとう さようなら
        안녕 감사 고마 =привет =здравствуйте =спасибо =пока مرحبا السلام شكرا أهلا
        =hallo =danke =tschüss =guten =hola =gracias =adiós =buenos =buenas
        =bonjour =salut =merci =bonsoir =olá =oi =obrigado =obrigada =bom नमस्ते धन्यवाद
        =merhaba =selam teşekkür =xin_chào =cảm_ơn =cześć =dzień_dobry =dziękuję
        =ciao =grazie =buongiorno =hoi =bedankt =halo =terima_kasih
    """,
    Concept.QUESTION: """
        =what =what's =whats =who =whom =whose =when =where =which =how_many =how_much
        =how_old =how_far =how_tall =how_long
        什么 是谁 哪个 哪里 哪年 多少 几个 何时 何 誰 いつ どこ どれ いくつ とは ですか
        무엇 누구 언제 어디 어느 몇 이란 뭐 =что =кто =когда =где =какой =какая =какое =какие
        =сколько ما =من متى أين =كم أي =was =wer =wann =wo =welche =welcher =welches =wie_viele
        =qué =quién =cuándo =dónde =cuál =cuántos =cuántas =quel =quelle =quels =qui =quand
        =où =combien =est =que =o_que =quem =quando =onde =qual =quantos =quantas क्या कौन कब
        कहाँ कितने कितना nedir =ne =kim =nerede =kaç =hangi =là_gì =ai =ở_đâu =bao_nhiêu =mấy
        =co =kto =kiedy =gdzie =ile =jaki =jaka =jakie =che =chi =dove =quanti =cos'è
        =wat =wie =wanneer =waar =hoeveel =apa =siapa =kapan =dimana =berapa
    """,
    Concept.DEFINE: """
        =define definition =meaning =mean =means translat =abbreviation =acronym =synonym
        =stands 定义 意思 翻译 含义 全称 定義 意味 訳し 翻訳 略 정의 의미 번역 약자 뜻
        определ перевед означа значит عرف معنى ترجم تعريف definier bedeut übersetz
        =definición significa traduc défini =signifie tradui definiç =significado traduz
        परिभाषा अर्थ अनुवाद tanım anlam çevir =định_nghĩa =dịch =nghĩa definicj znacz
        przetłumacz definisci =significa tradurre betekent vertaal arti terjemah
    """,
    Concept.BRIEF: """
        =briefly =brief =quick =quickly =short =simple =simply =one_sentence =one_line =basic
        简单 简要 一句话 简短 簡単 簡潔 一言 간단 짧게 кратк прост باختصار بسيط =kurz einfach
        brevemente =breve simple sencill =bref brièvement =simples संक्षेप सरल kısa basit
        =ngắn_gọn =đơn_giản krótk =prosty =prosta semplice kort eenvoudig singkat sederhana
    """,
    Concept.EXPLAIN: """
        explain describ =how =why overview =walk =introduc illustrat 解释 说明 介绍 如何 怎么
        为什么 讲解 説明 なぜ どのよう 教えて 紹介 설명 어떻게 왜 소개 объясни опиши =как =почему
        расскажи اشرح وضح كيف لماذا صف erklär beschreib =wie =warum erläuter explic =cómo
        =por_qué describ expliqu =comment =pourquoi décri =como =por_que descrev समझा कैसे
        वर्णन क्यों açıkla anlat nasıl neden =giải_thích =mô_tả =tại_sao =như_thế wyjaśni opisz
        =jak =dlaczego spiega =come =perché leg_uit beschrijf hoe waarom jelaskan bagaimana
    """,
    Concept.COMPARE: """
        compar differ =vs =versus contrast =pros 比较 对比 区别 差异 优缺点 比較 違い 비교 차이
        сравни отлич разниц قارن الفرق vergleich untersch diferenc diferenç compare différen
        तुलना अंतर karşılaştır fark =so_sánh =khác_biệt porówn różnic confront verschil
        bandingkan perbedaan
    """,
    Concept.SUMMARISE: """
        summar =tldr outline classif categor extract =list 总结 概括 摘要 归纳 分类 提取 要約
        まとめ 要点 分類 抽出 요약 정리 분류 추출 резюм обобщ суммир классифиц извлеки لخص صنف
        استخرج zusammenfass =fasse klassifizier extrahier resum clasific extrae résum
        classe extrai सारांश वर्गीकृत özetle sınıflandır çıkar =tóm_tắt =phân_loại podsumuj
        streść sklasyfik riassum samenvat ringkas
    """,
    Concept.WRITE: """
        =write =code =create =generate =make =add =convert =function =script =implement
        =program =snippet =regex =query =unit_test =test 写一个 编写 写 创建 生成 函数 脚本 代码
        实现 書いて 作成 関数 スクリプト 実装 コード 작성 함수 스크립트 구현 코드 만들 напиши
        создай функци скрипт реализуй код اكتب أنشئ دالة نفذ سكريبت =schreibe schreib =erstelle
        funktion skript implementier escrib =crea función implementa écri =crée fonction
        implémente escrev =crie função implemente लिख फ़ंक्शन फंक्शन कोड स्क्रिप्ट =yaz fonksiyon
        oluştur betik =viết =hàm =tạo napisz funkcj skrypt zaimplement utwórz scriv funzione
        schrijf functie tulis fungsi buat
    """,
    Concept.REVIEW: """
        review =check =improve =refactor =rewrite =fix =rename =simplify =format =proofread
        审查 检查 改进 优化 重构 重写 修复 修改 レビュー 確認 改善 リファクタ 修正 書き換え 검토 개선
        리팩터 수정 확인 проверь улучши рефактор исправ перепиши راجع تحقق حسن أصلح überprüf
        verbesser überarbeit behebe revis mejora corrig refactoriz révis amélior vérif
        revis melhor refator समीक्षा सुधार जाँच incele iyileştir düzelt =xem_xét =cải_thiện
        sprawdź popraw przejrzyj zrecenz rivedi miglior correggi controleer periksa perbaiki
    """,
    Concept.DIAGNOSE: """
        error bug =slow leak crash fail =failing =broken debug troubleshoot =cause =causes
        =intermittently exception timeout =root 错误 报错 泄漏 崩溃 失败 排查 调试 原因 超时
        エラー 原因 失敗 遅い リーク デバッグ クラッシュ 오류 에러 원인 실패 느리 누수 디버그 ошибк
        падает утечк медленн причин отлад خطأ فشل بطيء سبب تسرب fehler langsam absturz ursache
        fehlschl fallo lento causa fuga erreur échou lent fuite erro falha vazamento त्रुटि विफल
        धीमा कारण hata yavaş başarısız sızıntı =lỗi =chậm =nguyên_nhân błąd błęd wolno wyciek
        przyczyn errore lentezza fout traag kesalahan gagal lambat
    """,
    Concept.DESIGN: """
        =design =designing architect =build =plan =migrate =orchestrat =set_up =end-to-end
        设计 构建 搭建 架构 规划 迁移 設計 構築 アーキテクチャ 計画 移行 설계 구축 아키텍처 계획
        спроектируй разработай построй архитектур صمم ابن بناء خطط entwirf entwickle entwerf
        =baue architektur diseñ construy desarroll arquitect conç construi dével =projete
        projet constru desenvolv डिज़ाइन डिजाइन निर्माण बनाए tasarla geliştir =inşa mimari
        =thiết_kế =xây_dựng =kiến_trúc zaprojekt zbuduj architekt progett costru ontwerp bouw
        rancang bangun
    """,
    Concept.SYSTEM: """
        system platform pipeline infrastructure distributed =scalable multi-tenant engine
        framework microservic =real-time realtime =compiler =simulator monitoring failover
        系统 平台 管道 流水线 引擎 框架 分布式 微服务 实时 システム プラットフォーム パイプライン エンジン
        分散 リアルタイム 시스템 플랫폼 파이프라인 엔진 분산 실시간 систем платформ конвейер движок
        распредел نظام منصة محرك موزع plattform verteilt echtzeit sistema plataforma distribuid
        motor =en_tiempo_real système plateforme distribué moteur सिस्टम प्रणाली प्लेटफ़ॉर्म
        वितरित sistem platform dağıtık gerçek_zamanlı =hệ_thống =nền_tảng =phân_tán platforma
        rozproszon silnik piattaforma distribuit gedistribueerd terdistribusi
    """,
    Concept.PROVE: """
        =prove =proves =proving =proof =proofs deriv =deduce =disprove =show_that 证明 推导 求证
        证 証明 導出 導け 導い 증명 유도 докажи доказа выведи вывести أثبت اثبت برهن اشتق استنتج
        beweis leite =herleitung zeige demuestr demostr deduc =deriva deduz prouve démontr
        dérive prove demonstr derive सिद्ध साबित व्युत्पन्न प्रमाण kanıtla ispat türet
        =chứng_minh =suy_ra udowodni wyprowad dimostr buktikan turunkan bewijs leid
    """,
    Concept.FORMAL: """
        theorem lemma corollar axiom =induction contradiction =contrapositive asymptotic
        =irrational converge =bijection =closed-form invariant =bound optimal nash bayesian
        =tautology =decidable =undecidable =eigenvalue =integral 定理 引理 归纳法 反证法 收敛
        最优 不变量 渐近 数学归纳 帰納法 背理法 収束 最適 不変 정리 귀납법 귀류법 수렴 최적 теорем
        лемм индукци противн сходи оптимальн مبرهنة نظرية بالاستقراء بالتناقض تقارب satz
        induktion widerspruch konverg teorema lema inducción contradicción théorème lemme
        récurrence absurde converg indução contradição प्रमेय आगमन विरोधाभास teorem tümevarım
        çelişki yakınsa =định_lý =quy_nạp =mâu_thuẫn =hội_tụ twierdz indukcj sprzeczno zbieżn
        induzione assurdo
    """,
    Concept.CONSTRAIN: """
        =must =without =only =exactly =ensure =ensuring =require =requires =requirement
        =at_most =at_least =constraint =constraints =guarantee =include =including =should
        必须 不能 只能 至少 至多 确保 要求 包括 约束 必要 のみ 少なくとも 以内 含め 반드시 없이 최소
        최대 보장 포함 должн =без только обеспеч включа يجب بدون فقط على_الأقل يتضمن ضمان =muss
        ohne =nur mindestens höchstens =inklusive sicherstell =debe =sin solo =menos asegur
        incluy =doit =sans seulement =moins garantir compri =deve =sem apenas garant incluindo
        बिना केवल कम_से शामिल अवश्य olmadan yalnızca =en_az içer =phải =không_có =chỉ =ít_nhất
        =bao_gồm musi =bez tylko =co_najmniej zapewni senza soltanto almeno zonder alleen
        tanpa hanya harus
    """,
}
"""Stems that start a word; ``=`` asks for the whole word, ``_`` joins two words."""

_UNSPACED: Final = re.compile(r"[぀-ヿ㐀-鿿가-힣]")
"""Characters of Japanese, Chinese and Korean."""
_LONGEST_STEM: Final = 14


def _compiled() -> tuple[dict[str, int], dict[str, int], dict[str, list[str]]]:
    exact: dict[str, int] = {}
    prefix: dict[str, int] = {}
    unspaced: dict[str, list[str]] = {}
    for concept, words in _STEMS.items():
        for word in words.split():
            table = exact if word.startswith("=") else prefix
            key = word.removeprefix("=").replace("_", " ")
            if table is prefix and is_unspaced(key) and key not in prefix:
                unspaced.setdefault(key[0], []).append(key)
            table[key] = table.get(key, 0) | 1 << concept
    return exact, prefix, unspaced


def is_unspaced(word: str) -> bool:
    """Whether a text has characters of a script without spaces, or Hangul."""
    return not word.isascii() and _UNSPACED.search(word) is not None


def unspaced_count(text: str) -> int:
    """How many characters are of a script without spaces, or Hangul."""
    return 0 if text.isascii() else len(_UNSPACED.findall(text))


_EXACT, _PREFIX, _BY_FIRST = _compiled()


@lru_cache(maxsize=16_384)
def concepts_of(word: str) -> int:
    """The concepts that a case-folded word hints at, as bits by `Concept` value.

    A word of a script without spaces is a whole phrase: stems may stand anywhere in
    it. In other scripts they have to start it.
    """
    if is_unspaced(word):
        return _anywhere(word)
    found = _EXACT.get(word, 0)
    for length in range(1, min(len(word), _LONGEST_STEM) + 1):
        found |= _PREFIX.get(word[:length], 0)
    return found


def pair_concepts(first: str, second: str) -> int:
    """The concepts that two neighbouring words hint at together."""
    return _EXACT.get(f"{first} {second}", 0)


def _anywhere(phrase: str) -> int:
    found = 0
    for start, first in enumerate(phrase):
        for stem in _BY_FIRST.get(first, ()):
            if phrase.startswith(stem, start):
                found |= _PREFIX[stem]
    return found
